"""What a trained model costs: operations and streaming state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from harness.interfaces import ImageBatch, ObservationBatch, StepsTokens, TokenBatch
from harness.kernels.loading import Kernel
from harness.runtime.operations import count_operations


def count_flops(
    module: nn.Module, batch: TokenBatch | ImageBatch | ObservationBatch, kernels: Iterable[Kernel]
) -> float:
    """Floating-point operations of one forward pass, an example; see `count_operations`."""
    with torch.no_grad():
        return count_operations(lambda: module(batch.inputs[:1]), kernels)


def state_bytes(module: nn.Module, batch: TokenBatch) -> int | None:
    """Bytes of streaming state of one sequence after the batch's length; None for a model that cannot stream."""
    if not isinstance(module, StepsTokens):
        return None
    with torch.no_grad():
        state = module.initial_state(1)
        for token in batch.inputs[:1].unbind(dim=1):
            _, state = module.step(token, state)
    return nested_bytes(state)


def nested_bytes(state: Any) -> int:
    """Bytes of all tensors in nested mappings and sequences."""
    if isinstance(state, Tensor):
        return state.numel() * state.element_size()
    if isinstance(state, dict):
        return sum(nested_bytes(part) for part in state.values())
    if isinstance(state, list | tuple):
        return sum(nested_bytes(part) for part in state)
    return 0
