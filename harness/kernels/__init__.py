"""Kernels: their contract with torch, the check against an op's definition, compilation, and measurement."""
