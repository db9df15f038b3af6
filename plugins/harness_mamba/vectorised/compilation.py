"""Machine code from the loops, kept between processes where there is a place to keep it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import FunctionType

import torch
from numba import float32, float64, int64, njit, types, void

from harness_mamba.vectorised.functions import FINGERPRINT

ELEMENTS = {torch.float32: float32, torch.float64: float64}


@functools.cache
def compiled(
    loop: Callable[..., None], dtype: torch.dtype, constants: tuple[tuple[str, int], ...] = ()
) -> Callable[..., None]:
    """The loop for arrays of one dtype: compiled at the first call, some seconds, or read from the cache.

    `constants` are names in the loop's module that have another value in this code, where loops over them are unrolled.
    numba keeps machine code beside the source or, where that is read-only, in the user's cache folder.
    """
    signature = void(*(_type_of(parameter, dtype) for parameter in inspect.signature(loop).parameters.values()))
    loop = _version(loop, constants)
    try:
        return njit(signature, nogil=True, cache=True)(loop)  # type: ignore[no-any-return]
    except (RuntimeError, OSError):
        # numba found no folder that it can write, or a full one: every process then compiles for itself.
        return njit(signature, nogil=True)(loop)  # type: ignore[no-any-return]


def _version(loop: Callable[..., None], constants: tuple[tuple[str, int], ...]) -> Callable[..., None]:
    """The same function with its constants, under a name that changes with them and with the code of the vectors.

    numba looks kept code up by the function's file, name and signature: it does not see that anything else changed.
    """
    assert isinstance(loop, FunctionType)
    version = FunctionType(loop.__code__, {**loop.__globals__, **dict(constants)}, loop.__name__)
    values = "".join(f"_{name}_{value}" for name, value in constants)
    version.__qualname__ = f"{loop.__qualname__}{values}_{FINGERPRINT:08x}"
    return version


def _type_of(parameter: inspect.Parameter, dtype: torch.dtype) -> types.Type:
    return int64 if parameter.annotation == "int" else ELEMENTS[dtype][::1]
