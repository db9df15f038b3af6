"""Tensors of a launch moved between zones of NaN: what is read there shows, and what is stored there is an error."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from harness.errors import KernelError
from harness.kernels.cuda.sources import Argument

_ZONE = 4096
_ALIGNMENT = 256
"""What an allocation on a device starts at a multiple of."""
_POISON = 0xFF


@dataclass(frozen=True, slots=True)
class _Guarded:
    original: Tensor
    """A storage as bytes."""
    surrounded: Tensor
    start: int

    def inner(self) -> Tensor:
        return self.surrounded[self.start : self.start + self.original.numel()]

    def find_store_outside(self) -> int | None:
        """The first byte beside the storage that is no longer poison, counted from the storage's start."""
        outside = self.surrounded != _POISON
        outside[self.start : self.start + self.original.numel()] = False
        found = outside.nonzero()
        return int(found[0]) - self.start if found.numel() else None


class Guards:
    """Copies of the storages behind a launch's tensors; tensors that share a storage share its copy."""

    def __init__(self, kernel: str, arguments: Sequence[Argument]) -> None:
        self._kernel = kernel
        self._guarded: dict[int, _Guarded] = {}
        self.arguments = [self._move(argument) if isinstance(argument, Tensor) else argument for argument in arguments]

    def _move(self, tensor: Tensor) -> ctypes.c_void_p:
        storage = tensor.untyped_storage()
        if storage.nbytes() == 0:
            return ctypes.c_void_p(tensor.data_ptr())
        guarded = self._guarded.get(storage.data_ptr())
        if guarded is None:
            guarded = self._guarded.setdefault(storage.data_ptr(), _surround(storage))
        return ctypes.c_void_p(guarded.inner().data_ptr() + tensor.data_ptr() - storage.data_ptr())

    def copy_back(self) -> None:
        """Give the tensors what the kernel stored; a KernelError if it stored outside of them."""
        for guarded in self._guarded.values():
            outside = guarded.find_store_outside()
            if outside is not None:
                raise KernelError(
                    f"kernel {self._kernel}: a store to byte {outside} of a tensor's memory, which has "
                    f"{guarded.original.numel()} bytes; compare the index with the size"
                )
            if not torch.equal(guarded.original, guarded.inner()):
                guarded.original.copy_(guarded.inner())


def _surround(storage: torch.UntypedStorage) -> _Guarded:
    original = torch.empty(0, dtype=torch.uint8).set_(storage)
    surrounded = torch.full((original.numel() + 2 * _ZONE + _ALIGNMENT,), _POISON, dtype=torch.uint8)
    start = _ZONE + -(surrounded.data_ptr() + _ZONE) % _ALIGNMENT
    guarded = _Guarded(original, surrounded, start)
    guarded.inner().copy_(original)
    return guarded
