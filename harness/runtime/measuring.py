"""What a trained model costs: operations and streaming state."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from harness.interfaces import ImageBatch, ObservationBatch, StepsTokens, TokenBatch
from harness.kernels.loading import Kernel


def count_flops(
    module: nn.Module, batch: TokenBatch | ImageBatch | ObservationBatch, kernels: Iterable[Kernel]
) -> float:
    """Floating-point operations of one forward pass, an example.

    Matrix products and convolutions are counted by torch, ops with a cost model by that. Library layers that torch
    would run as one piece without counting them (the LSTM) are run in their parts.
    """
    kernels = list(kernels)
    for kernel in kernels:
        kernel.counting, kernel.flops = True, 0.0
    try:
        with torch.no_grad(), _without_fused_layers(), FlopCounterMode(display=False) as counter:
            module(batch.inputs[:1])
    finally:
        for kernel in kernels:
            kernel.counting = False
    return float(counter.get_total_flops() + sum(kernel.flops for kernel in kernels))


@contextmanager
def _without_fused_layers() -> Iterator[None]:
    before = torch.backends.mkldnn.set_flags(_enabled=False)
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(*before)


def state_bytes(module: nn.Module, batch: TokenBatch) -> int | None:
    """Bytes of streaming state of one sequence after the batch's length; None for a model that cannot stream."""
    if not isinstance(module, StepsTokens):
        return None
    with torch.no_grad():
        state = module.initial_state(1)
        for token in batch.inputs[:1].unbind(dim=1):
            _, state = module.step(token, state)
    return _bytes(state)


def _bytes(state: Any) -> int:
    if isinstance(state, Tensor):
        return state.numel() * state.element_size()
    if isinstance(state, dict):
        return sum(_bytes(part) for part in state.values())
    if isinstance(state, list | tuple):
        return sum(_bytes(part) for part in state)
    return 0
