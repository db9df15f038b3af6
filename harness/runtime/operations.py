"""Floating-point operations of a call, forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes
from torch.utils.flop_counter import FlopCounterMode

from harness.kernels.costs import Costs, Work
from harness.kernels.loading import Kernel

BACKWARD_RATIO = 2.0
"""A product of two matrices has two in its backward pass; so for ops whose costs nobody has said."""


def count_operations(call: Callable[[], object], kernels: Iterable[Kernel]) -> float:
    """Operations of one call, whatever it does: a forward pass, a step of training, a sampler.

    Matrix products, convolutions and torch's attention are counted by torch in both directions. Ops with a cost model
    are counted by that, whichever kernel runs them: forward as `OpSpec.flops` says, backward as many times that as
    `OpSpec.costs` says, twice where it does not count operations. Library layers that torch would run as one piece
    without counting (the LSTM) are run in parts.
    """
    counted = [_Counted(kernel) for kernel in kernels]
    with _replaced(counted), _without_fused_layers(), FlopCounterMode(display=False) as counter:
        call()
    return float(counter.get_total_flops() + sum(item.flops for item in counted))


class _Counted:
    """A kernel whose calls are counted by its op's cost model, and by nothing else."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.function = kernel.function
        self.flops = 0.0
        self._forward = kernel.op.flops.load() if kernel.op.flops is not None else None
        self._costs = kernel.op.costs.load() if kernel.op.costs is not None else None

    def __call__(self, *arguments: Any) -> Any:
        if self._forward is None:
            return self.function(*arguments)
        forward = float(self._forward(*arguments))
        self.flops += forward
        backward = forward * (BACKWARD_RATIO if self._costs is None else _backward_ratio(self._costs(*arguments)))
        if not torch.is_grad_enabled() or not any(_is_differentiable(item) for item in arguments):
            with _disable_current_modes():
                return self.function(*arguments)
        return _Once.apply(self, backward, *arguments)


class _Once(torch.autograd.Function):
    """A call whose inner operations no counter sees, in either direction."""

    @staticmethod
    def forward(ctx: Any, counted: _Counted, backward: float, *arguments: Any) -> Any:
        inner = [_detached(item) for item in arguments]
        with _disable_current_modes(), torch.enable_grad():
            outputs = counted.function(*inner)
        ctx.counted, ctx.backward_flops, ctx.inner = counted, backward, inner
        ctx.single = isinstance(outputs, Tensor)
        ctx.outputs = (outputs,) if ctx.single else tuple(outputs)
        found = tuple(item.detach() for item in ctx.outputs)
        return found[0] if ctx.single else found

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        ctx.counted.flops += ctx.backward_flops
        wanted = [item for item in ctx.inner if _is_differentiable(item)]
        reached = [
            (output, gradient)
            for output, gradient in zip(ctx.outputs, gradients, strict=True)
            if output.requires_grad and gradient is not None
        ]
        with _disable_current_modes():
            found = iter(
                torch.autograd.grad(
                    [output for output, _ in reached], wanted, [gradient for _, gradient in reached], allow_unused=True
                )
            )
        return (None, None, *(next(found) if _is_differentiable(item) else None for item in ctx.inner))


def _detached(item: Any) -> Any:
    return item.detach().requires_grad_(item.requires_grad) if isinstance(item, Tensor) else item


def _is_differentiable(item: object) -> bool:
    return isinstance(item, Tensor) and item.requires_grad


def _backward_ratio(costs: Costs) -> float:
    forward = _total(costs.forward)
    return _total(costs.backward) / forward if forward else BACKWARD_RATIO


def _total(work: Work) -> float:
    return work.matrix_flops + work.flops + work.exponentials


@contextmanager
def _replaced(counted: Iterable[_Counted]) -> Iterator[None]:
    counted = list(counted)
    for item in counted:
        item.kernel.function = item
    try:
        yield
    finally:
        for item in counted:
            item.kernel.function = item.function


@contextmanager
def _without_fused_layers() -> Iterator[None]:
    before = torch.backends.mkldnn.set_flags(_enabled=False)
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(*before)
