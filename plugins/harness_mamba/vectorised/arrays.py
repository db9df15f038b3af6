"""Tensors as the flat arrays that the loops take."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from harness_mamba.vectorised.vectors import LANES

NUMBERS = {torch.float32: np.float32, torch.float64: np.float64}


def flat(tensor: Tensor | None, dtype: torch.dtype) -> Any:
    """All numbers of a tensor one after another, copied only if they must be; none where there is no tensor."""
    if tensor is None:
        return np.empty(0, NUMBERS[dtype])
    return np.ascontiguousarray(_array(tensor, dtype)).reshape(-1)


def rows(tensor: Tensor, dtype: torch.dtype) -> tuple[Any, int]:
    """The rows of [..., channels] in one flat array, and how far apart they lie; copied only if they must be."""
    channels = tensor.shape[-1]
    if tensor.is_contiguous() or tensor.dtype != dtype:
        return flat(tensor, dtype), channels
    distance = _distance(tensor)
    if not distance:
        return flat(tensor, dtype), channels
    num_rows = tensor.numel() // channels
    return _array(tensor.as_strided(((num_rows - 1) * distance + channels,), (1,)), dtype), distance


def zeros(count: int, dtype: torch.dtype) -> Any:
    """An array of zeros."""
    return np.zeros(count, NUMBERS[dtype])


def _array(tensor: Tensor, dtype: torch.dtype) -> Any:
    tensor = tensor if tensor.dtype == dtype else tensor.to(dtype)
    return (tensor.detach() if tensor.requires_grad else tensor).numpy()


def _distance(tensor: Tensor) -> int:
    """By how much each row begins after the one before, or 0 where that differs or channels do not lie side by side."""
    *outer, channels = tensor.shape
    if tensor.stride(-1) != 1 and channels > 1:
        return 0
    distance, expected = 0, 0
    for size, stride in zip(reversed(outer), reversed(tensor.stride()[:-1]), strict=True):
        if size == 1:
            continue
        # Rows that share numbers, as those of an expanded tensor, are told apart by a copy.
        if stride < channels or (distance and stride != expected):
            return 0
        distance = distance or stride
        expected = stride * size
    return distance or channels


def whole_vectors(tensor: Tensor | None, axis: int = -1) -> Tensor | None:
    """With zeros behind, so that an axis is at least as long as a vector."""
    if tensor is None or tensor.shape[axis] >= LANES:
        return tensor
    behind = [0, 0] * (tensor.dim() - axis % tensor.dim())
    behind[-1] = LANES - tensor.shape[axis]
    return pad(tensor, behind)
