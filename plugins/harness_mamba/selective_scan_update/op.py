"""What every kernel of `selective_scan_update` takes: the check of its arguments, random ones, and the cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from harness.errors import UsageError
from harness.kernels.costs import Costs, Work
from harness_mamba.selective_scan import op as sequence


def check_arguments(
    state: Tensor,
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
) -> None:
    """Raise UsageError unless shapes, dtypes and devices belong together."""
    if u.dim() != 2 or A.dim() != 2 or 0 in u.shape or 0 in A.shape:
        raise UsageError(
            f"selective_scan_update: u has the shape {tuple(u.shape)} and A {tuple(A.shape)}; u is [batch, channels] "
            "and A is [channels, states], none of them empty; reshape them"
        )
    batch, channels = u.shape
    states = A.shape[1]
    activations = {
        "dt": (dt, (batch, channels)),
        "B": (B, (batch, states)),
        "C": (C, (batch, states)),
        "z": (z, (batch, channels)),
    }
    parameters = {
        "state": (state, (batch, channels, states)),
        "A": (A, (channels, states)),
        "D": (D, (channels,)),
        "dt_bias": (dt_bias, (channels,)),
    }
    sequence.check_tensors("selective_scan_update", u, A, activations, parameters)


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """Those of `selective_scan` at a length of one, with a state before it."""
    inputs = sequence.make_inputs({**size, "length": 1, "initial_state": True}, generator, dtype)
    u, dt, A, B, C, D, z, dt_bias, softplus, state = inputs

    def only(value: Tensor | None) -> Tensor | None:
        return None if value is None else value.detach().squeeze(1).requires_grad_()

    return state, only(u), only(dt), A, only(B), only(C), D, only(z), dt_bias, softplus


def flops(
    state: Tensor,
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
) -> int:
    """As many as a sequence of one."""
    return sequence.flops(u, dt, A, B, C, D, z, dt_bias, dt_softplus)


def costs(
    state: Tensor,
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
) -> Costs:
    """The state is read and written; all else is as for a sequence of one. Nothing goes backward."""
    once = sequence.costs(u, dt, A, B, C, D, z, dt_bias, dt_softplus).forward
    states = 2 * state.numel() * torch.finfo(sequence.state_dtype(u)).bits // 8
    forward = Work(bytes=once.bytes + states, flops=once.flops, exponentials=once.exponentials)
    return Costs(forward=forward, backward=Work(bytes=0))
