"""Machine code from the loops, kept between processes where there is a place to keep it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable

import torch
from numba import float32, float64, int64, njit, types, void

ELEMENTS = {torch.float32: float32, torch.float64: float64}


@functools.cache
def compiled(loop: Callable[..., None], dtype: torch.dtype) -> Callable[..., None]:
    """The loop for arrays of one dtype: compiled at the first call, about a second, or read from the cache.

    numba keeps machine code beside the source or, where that is read-only, in the user's cache folder.
    """
    signature = void(*(_type_of(parameter, dtype) for parameter in inspect.signature(loop).parameters.values()))
    try:
        return njit(signature, nogil=True, cache=True)(loop)  # type: ignore[no-any-return]
    except (RuntimeError, OSError):
        # numba found no folder that it can write, or a full one: every process then compiles for itself.
        return njit(signature, nogil=True)(loop)  # type: ignore[no-any-return]


def _type_of(parameter: inspect.Parameter, dtype: torch.dtype) -> types.Type:
    if parameter.default is not inspect.Parameter.empty:
        # numba looks code up by its own file and signature: a default in the signature stands for other files.
        return types.Omitted(parameter.default)
    return int64 if parameter.annotation == "int" else ELEMENTS[dtype][::1]
