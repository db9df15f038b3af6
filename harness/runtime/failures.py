"""What an exception says about why something ended."""

from __future__ import annotations

import torch

MEMORY_ERRORS = (MemoryError, RuntimeError)
"""What is raised where memory runs out, besides other reasons; `is_out_of_memory` tells."""

OUT_OF_MEMORY_SIGNS = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory was asked for that could not be had, on a device or of the system."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in OUT_OF_MEMORY_SIGNS)


def first_line(error: Exception) -> str:
    """The first line of what an exception says, or its type."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
