"""The passes of an op that are timed: forward, backward, both."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from harness.kernels.costs import Costs, Work

if TYPE_CHECKING:
    from harness.kernels.timing import Call

PASSES = ("forward", "backward", "forward_backward")


def call_of(function: Callable[..., Any], arguments: Sequence[Any], name: str) -> Call:
    """A call of one pass. What is differentiated is the op's first result, with respect to all that asks for it.

    `backward` runs the forward pass here, once; `forward_backward` runs nothing before it is called.
    """
    if name == "forward":

        def forward() -> None:
            with torch.no_grad():
                function(*arguments)

        return forward
    inputs = [value for value in arguments if isinstance(value, Tensor) and value.requires_grad]
    if name == "backward":
        output = _first(function(*arguments))
        gradients = torch.randn_like(output)

        def backward() -> None:
            torch.autograd.grad(output, inputs, gradients, retain_graph=True, allow_unused=True)

        return backward
    kept: list[Tensor] = []

    def both() -> None:
        output = _first(function(*arguments))
        if not kept:
            kept.append(torch.randn_like(output))
        torch.autograd.grad(output, inputs, kept[0], allow_unused=True)

    return both


def work_of(costs: Costs, name: str) -> Work:
    """The work of a pass."""
    if name != "forward_backward":
        return costs.forward if name == "forward" else costs.backward
    sums: Mapping[str, float] = {
        field: getattr(costs.forward, field) + getattr(costs.backward, field)
        for field in ("bytes", "matrix_flops", "flops", "exponentials")
    }
    return Work(**sums)


def _first(found: Any) -> Tensor:
    """What is differentiated: an op's result, not the states beside it, for which some kernels need a second pass."""
    output: Tensor = found[0] if isinstance(found, tuple) else found
    return output
