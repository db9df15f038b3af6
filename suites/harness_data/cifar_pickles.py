"""CIFAR's Python files: pickles, read without running what a pickle may ask for."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import DataError
from harness.interfaces import Array

ADMITTED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}
"""The names by which a pickle makes a NumPy array."""

DAMAGE = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OverflowError,
    TypeError,
    ValueError,
)
"""What unpickling raises on bytes that are no pickle, or not the expected one."""


def read_pickled_batch(path: Path, label_key: bytes, pixels: int) -> tuple[Array, Array]:
    """Rows uint8 [N, pixels] and labels int64 [N] of one file. Raises DataError that names the file.

    A pickle is a program. Nothing that this one names is run: the names of NumPy's arrays stand for values of this
    module, from whose plain bytes and numbers the array is made, and every other name is refused.
    """
    try:
        with path.open("rb") as file:
            batch = _ArraysOnly(file, encoding="bytes").load()
        return batch[b"data"].rows(pixels), _integers(batch[label_key])
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); make it readable or give another") from error
    except DAMAGE as error:
        raise DataError(
            f"{path}: the file cannot be read ({error}); a pickled dict with the array b'data' of bytes [N, {pixels}] "
            f"and the list {label_key!r} of integers is needed; fetch it again"
        ) from error


class _ArraysOnly(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> _NumpyName:
        if (module, name) not in ADMITTED:
            raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}, and only NumPy's arrays are admitted")
        return _NumpyName(name)


class _NumpyName:
    """What a pickle gets for a name of NumPy: it can be called, and has nothing else that a pickle could change."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, *arguments: Any) -> _Array | _Dtype:
        if self._name == "_reconstruct":
            return _Array()
        if self._name == "dtype" and arguments[0] in (b"u1", "u1"):
            return _Dtype()
        raise ValueError(f"the pickle calls numpy's {self._name}, and only arrays of unsigned bytes are admitted")


class _Dtype:
    """Unsigned bytes."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Byte order and alignment, which bytes have none of."""


class _Array:
    """The state of a pickled array: version, shape, element type, whether columns come first, and the bytes."""

    __slots__ = ("_state",)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._state = state

    def rows(self, pixels: int) -> Array:
        """The array. Raises ValueError unless it is [N, pixels]."""
        _, shape, dtype, columns_first, content = self._state
        if not isinstance(dtype, _Dtype) or not isinstance(content, bytes):
            raise ValueError(f"the array is kept as {type(content).__name__}, and bytes are admitted")
        array = np.frombuffer(content, dtype=np.uint8).reshape(shape, order="F" if columns_first else "C")
        if array.ndim != 2 or array.shape[1] != pixels:
            raise ValueError(f"the array has the shape {array.shape}")
        return array


def _integers(labels: object) -> Array:
    if not isinstance(labels, list) or any(type(label) is not int for label in labels):
        raise ValueError("the labels are no list of integers")
    return np.array(labels, dtype=np.int64)
