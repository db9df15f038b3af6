"""What every kernel of `s4_kernel` takes: the check of its arguments, random ones for checks, and the cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from harness.errors import UnsupportedError, UsageError
from harness.kernels.costs import Costs, Work
from harness_s4.hippo import legs_normal_plus_low_rank
from harness_s4.s4_kernel.dense import bilinear, truncate


def check_arguments(dt: Tensor, A: Tensor, P: Tensor, B: Tensor, C_tilde: Tensor, length: int) -> None:
    """Raise UsageError unless shapes, dtypes and devices belong together."""
    if A.dim() != 3 or A.shape[2] != 2 or 0 in A.shape:
        raise UsageError(
            f"s4_kernel: A has the shape {tuple(A.shape)}; it is [features, modes, 2], real and imaginary part in the "
            "last axis, and not empty; reshape it"
        )
    for name, tensor, shape in (
        ("dt", dt, A.shape[:1]),
        ("P", P, A.shape),
        ("B", B, A.shape),
        ("C_tilde", C_tilde, A.shape),
    ):
        if tensor.shape != shape:
            raise UsageError(
                f"s4_kernel: {name} has the shape {tuple(tensor.shape)} for A of {tuple(A.shape)}; it is "
                f"{tuple(shape)}; reshape it"
            )
        if tensor.dtype != A.dtype or tensor.device != A.device:
            raise UsageError(
                f"s4_kernel: {name} is {tensor.dtype} on {tensor.device} and A is {A.dtype} on {A.device}; all "
                "arguments share one dtype and device; convert it"
            )
    if A.dtype not in (torch.float32, torch.float64):
        raise UsageError(f"s4_kernel: A is {A.dtype}; resonances need float32 or float64; convert the arguments")
    if length < 1:
        raise UsageError(f"s4_kernel: length={length}; a kernel has at least one lag; ask for 1 or more")


def check_single_precision(dt: Tensor, A: Tensor, P: Tensor, B: Tensor, C_tilde: Tensor, length: int) -> None:
    """As `check_arguments`, and UnsupportedError for what the GPU kernels do not take."""
    check_arguments(dt, A, P, B, C_tilde, length)
    if A.dtype != torch.float32:
        raise UnsupportedError(
            f"s4_kernel: A is {A.dtype}; the kernels triton and cuda take float32; use kernel=s4_kernel.torch"
        )


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """HiPPO-LegS with noise on every part, the larger of the usual step sizes, normal output weights C.

    Extreme ones have steps from a thousandth to ten times the slowest mode's time.
    """
    features, modes, length = size["features"], size["modes"], size["length"]

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    smallest, largest = (1e-3, 10.0) if size.get("values") == "extreme" else (1e-2, 1e-1)
    draws = torch.rand(features, generator=generator, dtype=torch.float64)
    dt = torch.exp(math.log(smallest) + math.log(largest / smallest) * draws)
    start = legs_normal_plus_low_rank(2 * modes)
    A_re = -0.5 * torch.exp(0.3 * noise(features, modes))
    A_im = torch.as_tensor(start.eigenvalues.imag) + 0.3 * noise(features, modes)
    A = torch.stack((A_re, A_im), -1)
    P, B = (
        torch.view_as_real(torch.as_tensor(vector)) + 0.1 * noise(features, modes, 2) for vector in (start.P, start.B)
    )
    Abar, _ = bilinear(dt, A, P, B)
    C_tilde = truncate(Abar, noise(features, modes, 2), length)
    dt, *rest = (tensor.to(dtype).requires_grad_() for tensor in (dt, A, P, B, C_tilde))
    # One lag alone does not depend on dt, which leaves nothing to be relative to.
    return (dt.requires_grad_(length > 1), *rest, length)


def flops(dt: Tensor, A: Tensor, P: Tensor, B: Tensor, C_tilde: Tensor, length: int) -> int:
    """Operations of S4's algorithm: at each feature, mode and frequency a reciprocal (14) and four sums of a mode and
    its conjugate (8 real weights times a complex number: 32); 30 for Woodbury's identity; the inverse transform."""
    features, modes, _ = A.shape
    frequencies = length // 2 + 1
    transform = 2.5 * length * math.log2(length) if length > 1 else 0
    return round(features * (46 * modes * frequencies + 30 * frequencies + transform))


def costs(dt: Tensor, A: Tensor, P: Tensor, B: Tensor, C_tilde: Tensor, length: int) -> Costs:
    """24 multiply-adds and a reciprocal at each feature, mode and frequency, of which there are half as many as lags.

    The transform has few beside that; the backward pass takes twice as many.
    """
    features, modes, _ = A.shape
    terms = features * modes * length / 2
    result = features * length * A.element_size()
    return Costs(
        forward=Work(bytes=result, flops=2 * 24 * terms, exponentials=terms),
        backward=Work(bytes=result, flops=2 * 48 * terms, exponentials=terms),
    )
