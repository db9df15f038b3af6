"""CUDA C++ kernels as plain `.cu` text: compiled when first used, and run on a CPU where they are checked."""
