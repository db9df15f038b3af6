"""Triton kernels: their start, their interpretation on a CPU, their compilation ahead of time."""
