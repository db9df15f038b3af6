"""Loops in Python that numba compiles to vector instructions: the vectors, functions of them, and their compilation."""
