"""Python values as the parameters of a kernel.

The driver wants an array with the address of each value. Values and addresses are laid out once for each combination of
types and used again, for this runs in front of every launch.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from torch import Tensor

from harness.errors import UsageError
from harness.kernels.cuda.sources import Argument

# Every type that a kernel takes may lie at a multiple of 8.
_ALIGNMENT = 8
_LARGEST = 2**31 - 1


class Block:
    """Memory for the values of one launch, and the array of their addresses, which lies at `address`."""

    __slots__ = ("_addresses", "address", "values")

    def __init__(self, size: int, offsets: Sequence[int]) -> None:
        self.values = ctypes.create_string_buffer(size)
        start = ctypes.addressof(self.values)
        self._addresses = (ctypes.c_void_p * len(offsets))(*(start + offset for offset in offsets))
        self.address = ctypes.addressof(self._addresses)


class Layout:
    """Where the values of arguments of these types lie.

    Threads may launch at once with one layout: each takes a block of its own from those that are free and gives it back
    after the launch, when the driver has copied the values.
    """

    def __init__(self, kernel: str, types: Sequence[type[Any]]) -> None:
        self._kernel = kernel
        fields = [_field(kernel, index, kind) for index, kind in enumerate(types)]
        self.tensors = tuple(index for index, kind in enumerate(types) if issubclass(kind, Tensor))
        self.sizes = tuple(struct.calcsize(code) for code, _ in fields)
        self._readers = [read for _, read in fields]
        self._packing = struct.Struct("@" + "".join(f"{code}0P" for code, _ in fields))
        self._offsets = [0, *accumulate(-(-size // _ALIGNMENT) * _ALIGNMENT for size in self.sizes)][:-1]
        self._free: list[Block] = []

    def pack(self, arguments: Sequence[Argument]) -> Block:
        """The values, in a block that is the caller's until it is given back."""
        values = [read(argument) if read else argument for read, argument in zip(self._readers, arguments, strict=True)]
        block = self._free.pop() if self._free else Block(self._packing.size, self._offsets)
        try:
            self._packing.pack_into(block.values, 0, *values)
        except struct.error:
            raise self._too_large(arguments) from None
        return block

    def give_back(self, block: Block) -> None:
        self._free.append(block)

    def _too_large(self, arguments: Sequence[Argument]) -> UsageError:
        index, value = next(
            (index, value)
            for index, value in enumerate(arguments)
            if isinstance(value, int) and not -_LARGEST - 1 <= value <= _LARGEST
        )
        return UsageError(
            f"kernel {self._kernel}: argument {index} is {value}, too large for 32 bits, by which an int travels; "
            "pass ctypes.c_int64(...) to a kernel that takes 64 bits"
        )


def _field(kernel: str, index: int, kind: Any) -> tuple[str, Callable[[Any], object] | None]:
    """How `struct` packs an argument of this type, and how its value is read unless it is the argument itself."""
    if issubclass(kind, Tensor):
        return "P", kind.data_ptr
    if kind is type(None):
        return "P", _null
    if issubclass(kind, bool):
        return "?", None
    if issubclass(kind, int):
        return "i", None
    if issubclass(kind, float):
        return "f", None
    try:
        return f"{ctypes.sizeof(kind)}s", bytes
    except TypeError:
        raise UsageError(
            f"kernel {kernel}: argument {index} is of type {kind.__module__}.{kind.__qualname__}; a kernel takes "
            "tensors, None, int, float, bool and the types of ctypes; convert it, such as with int(...)"
        ) from None


def _null(_: None) -> int:
    return 0
