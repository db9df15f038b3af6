"""Many kernels at once: what to work through, the processes that do it, and the rows that they leave."""
