"""Simple models that comparisons need, of sequences and of images."""
