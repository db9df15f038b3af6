"""Where loops write: into a tensor itself where it fits, and otherwise beside it, to be copied when they are done."""

from __future__ import annotations

from types import TracebackType
from typing import Any

import torch
from torch import Tensor

from harness_mamba.vectorised.vectors import LANES


class Results:
    """Arrays of one dtype for the tensors that a loop fills; leaving the context fills those that did not fit."""

    def __init__(self, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.beside: list[tuple[Tensor, Tensor]] = []

    def array(self, tensor: Tensor, axis: int | None = -1) -> Any:
        """The numbers of a contiguous tensor, with an axis of channels that is at least as long as a vector."""
        narrow = axis is not None and tensor.shape[axis] < LANES
        if narrow or tensor.dtype != self.dtype:
            shape = list(tensor.shape)
            if narrow:
                shape[axis] = LANES
            wider = tensor.new_empty(shape, dtype=self.dtype)
            self.beside.append((tensor, wider))
            tensor = wider
        return tensor.detach().numpy().reshape(-1)

    def __enter__(self) -> Results:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            for tensor, wider in self.beside:
                tensor.copy_(wider[tuple(slice(size) for size in tensor.shape)])
