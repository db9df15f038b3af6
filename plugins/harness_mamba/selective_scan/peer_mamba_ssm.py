"""`selective_scan` by the CUDA kernel of the package `mamba_ssm`, which has time as its last axis."""

from __future__ import annotations

from typing import Any

import torch
from mamba_ssm.ops.selective_scan_interface import selective_scan_fn
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

from harness.errors import UnsupportedError
from harness_mamba.selective_scan.op import check_arguments


def selective_scan(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
    initial_state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """As `reference.selective_scan`, from a state of zero; a gradient of the final state costs a pass of its own."""
    check_arguments(u, dt, A, B, C, D, z, dt_bias, dt_softplus, initial_state)
    if initial_state is not None:
        raise UnsupportedError(
            "selective_scan.mamba_ssm starts from zero and an initial_state is given; use kernel=selective_scan.torch"
        )
    bias = None if dt_bias is None else dt_bias.float()
    arguments = (u.mT, dt.mT, A.float(), B.mT, C.mT)
    gate = None if z is None else z.mT
    skip = None if D is None else D.float()
    y, last = selective_scan_fn(*arguments, skip, gate, bias, dt_softplus, return_last_state=True)
    return y.mT, _FinalState.apply(last, *arguments[:4], bias, dt_softplus)


class _FinalState(torch.autograd.Function):
    """The last state with the gradient that the package leaves out.

    The state is what as many further steps of size zero read, each one number of it: their C are the unit vectors. So
    its gradient is that of the outputs of those steps.
    """

    @staticmethod
    def forward(
        ctx: Any, last: Tensor, u: Tensor, dt: Tensor, A: Tensor, B: Tensor, bias: Tensor | None, softplus: bool
    ) -> Tensor:
        ctx.save_for_backward(u, dt, A, B, bias)
        ctx.softplus = softplus
        return last.detach().clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        u, dt, A, B, bias = ctx.saved_tensors
        states = A.shape[1]
        with torch.enable_grad():
            inputs = [value.detach().float().requires_grad_() for value in (u, dt, A, B)]
            offset = None if bias is None else bias.detach().requires_grad_()
            # The bias is added here and only to what was there, lest the further steps pass a gradient to it.
            steps = inputs[1] if offset is None else inputs[1] + offset[:, None]
            # Softplus of minus a thousand is zero: nothing decays and nothing enters.
            longer_dt = pad(steps, (0, states), value=-1000.0 if ctx.softplus else 0.0)
            longer_u, longer_B = pad(inputs[0], (0, states)), pad(inputs[3], (0, states))
            reads = torch.zeros_like(longer_B)
            reads[..., -states:] = torch.eye(states, device=B.device)
            y = selective_scan_fn(longer_u, longer_dt, inputs[2], longer_B, reads, None, None, None, ctx.softplus)
            read = y[..., -states:]
        wanted = inputs if offset is None else [*inputs, offset]
        found = torch.autograd.grad(read, wanted, gradient)
        given = [value.to(like.dtype) for value, like in zip(found, (u, dt, A, B), strict=False)]
        return None, *given, None if offset is None else found[4], None
