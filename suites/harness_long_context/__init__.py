"""The long-context suite: generated tasks, real text and images as sequences, and their metrics."""
