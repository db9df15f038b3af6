"""What every kernel of `selective_scan` takes: the check of its arguments, random ones for checks, and the cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from harness.errors import UsageError
from harness.kernels.costs import Costs, Work


def check_arguments(
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
) -> None:
    """Raise UsageError unless shapes, dtypes and devices belong together."""
    if u.dim() != 3 or A.dim() != 2 or 0 in u.shape or 0 in A.shape:
        raise UsageError(
            f"selective_scan: u has the shape {tuple(u.shape)} and A {tuple(A.shape)}; u is [batch, length, channels] "
            "and A is [channels, states], none of them empty; reshape them"
        )
    batch, length, channels = u.shape
    states = A.shape[1]
    activations = {
        "dt": (dt, (batch, length, channels)),
        "B": (B, (batch, length, states)),
        "C": (C, (batch, length, states)),
        "z": (z, (batch, length, channels)),
    }
    parameters = {
        "A": (A, (channels, states)),
        "D": (D, (channels,)),
        "dt_bias": (dt_bias, (channels,)),
        "initial_state": (initial_state, (batch, channels, states)),
    }
    check_tensors("selective_scan", u, A, activations, parameters)


def check_tensors(
    op: str,
    u: Tensor,
    A: Tensor,
    activations: Mapping[str, tuple[Tensor | None, tuple[int, ...]]],
    parameters: Mapping[str, tuple[Tensor | None, tuple[int, ...]]],
) -> None:
    """Raise UsageError unless every tensor has its shape, activations the dtype of u, parameters that or float32."""
    for name, (tensor, shape) in {**activations, **parameters}.items():
        if tensor is None:
            continue
        if tensor.shape != shape:
            raise UsageError(
                f"{op}: {name} is {tuple(tensor.shape)}; u {tuple(u.shape)} and A {tuple(A.shape)} "
                f"ask for {shape}; reshape it"
            )
        allowed = (u.dtype, torch.float32) if name in parameters else (u.dtype,)
        if tensor.dtype not in allowed or tensor.device != u.device:
            kind = "dtype of u or float32" if name in parameters else "dtype of u"
            raise UsageError(
                f"{op}: {name} is {tensor.dtype} on {tensor.device} and u is {u.dtype} on {u.device}; {name} has the "
                f"{kind}, and its device; convert it"
            )


def state_dtype(u: Tensor) -> torch.dtype:
    """The dtype in which states are kept: float32, or float64 beside float64."""
    return torch.float64 if u.dtype == torch.float64 else torch.float32


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """Arguments as a freshly initialised block produces them; all tensors are differentiable.

    `skip`, `gate`, `dt_bias`, `softplus` and `initial_state` in the size say which optional arguments are given; the
    first four are where nothing is said. Extreme values are step sizes from almost zero to ones that forget everything,
    and gates where SiLU is flat. Parameters and states are float32 beside half precision.
    """
    batch, length, channels, states = size["batch"], size["length"], size["channels"], size["states"]
    extreme = size.get("values") == "extreme"

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    softplus = size.get("softplus", True)
    bias = normal(channels) - 2.0 if size.get("dt_bias", True) else None
    dt = (20.0 if extreme else 1.0) * normal(batch, length, channels)
    if not softplus:
        # The bias may then lower a step size below zero, so it is made small and positive too.
        dt = torch.nn.functional.softplus(dt - 2.0)
        bias = None if bias is None else 0.01 * bias.abs()
    u = normal(batch, length, channels)
    A = -torch.arange(1, states + 1, dtype=torch.float64) * torch.exp(0.1 * normal(channels, states))
    B, C = normal(batch, length, states), normal(batch, length, states)
    D = 1.0 + 0.1 * normal(channels) if size.get("skip", True) else None
    z = (100.0 if extreme else 1.0) * normal(batch, length, channels) if size.get("gate", True) else None
    initial = normal(batch, channels, states) if size.get("initial_state", False) else None

    def activation(value: Tensor | None) -> Tensor | None:
        return None if value is None else value.to(dtype).requires_grad_()

    def parameter(value: Tensor | None) -> Tensor | None:
        of = torch.float64 if dtype == torch.float64 else torch.float32
        return None if value is None else value.to(of).requires_grad_()

    return (
        activation(u), activation(dt), parameter(A), activation(B), activation(C), parameter(D), activation(z),
        parameter(bias), softplus, parameter(initial),
    )  # fmt: skip


def flops(
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
) -> int:
    """Floating-point operations of one forward call, an exponential counted as one.

    Per state: `dt A`, its exponential, times h, plus `(dt u) B` (two), times C and into the sum (two). Per channel
    and step: `dt u`, `D u` added (two), the bias added, three operations of softplus, five of the gate.
    """
    per_channel = 1 + 2 * (D is not None) + (dt_bias is not None) + 3 * dt_softplus + 5 * (z is not None)
    return u.numel() * (7 * A.shape[1] + per_channel)


def costs(
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
) -> Costs:
    """The tensors as long as the sequence and as wide as the channels, and per state what no order of work avoids.

    That is one exponential, and four instructions forward and twelve backward that take the time of a multiply-add,
    which counts as two operations.
    """
    once = u.numel() * u.element_size()
    updates = u.numel() * A.shape[1]
    gated = z is not None
    return Costs(
        forward=Work(bytes=(3 + gated) * once, flops=2 * 4 * updates, exponentials=updates),
        backward=Work(bytes=(5 + 2 * gated) * once, flops=2 * 12 * updates, exponentials=updates),
    )
