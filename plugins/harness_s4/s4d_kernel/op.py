"""What every kernel of `s4d_kernel` takes: the check of its arguments, random ones for checks, and the cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from harness.errors import UnsupportedError, UsageError
from harness.kernels.costs import Costs, Work


def check_arguments(dt: Tensor, A: Tensor, C: Tensor, length: int) -> None:
    """Raise UsageError unless shapes, dtypes and devices belong together."""
    if A.dim() != 3 or A.shape[2] != 2 or 0 in A.shape:
        raise UsageError(
            f"s4d_kernel: A has the shape {tuple(A.shape)}; it is [features, modes, 2], real and imaginary part in the "
            "last axis, and not empty; reshape it"
        )
    for name, tensor, shape in (("dt", dt, A.shape[:1]), ("C", C, A.shape)):
        if tensor.shape != shape:
            raise UsageError(
                f"s4d_kernel: {name} has the shape {tuple(tensor.shape)} for A of {tuple(A.shape)}; it is "
                f"{tuple(shape)}; reshape it"
            )
        if tensor.dtype != A.dtype or tensor.device != A.device:
            raise UsageError(
                f"s4d_kernel: {name} is {tensor.dtype} on {tensor.device} and A is {A.dtype} on {A.device}; all "
                "arguments share one dtype and device; convert it"
            )
    if A.dtype not in (torch.float32, torch.float64):
        raise UsageError(
            f"s4d_kernel: A is {A.dtype}; phases of many turns need float32 or float64; convert the arguments"
        )
    if length < 1:
        raise UsageError(f"s4d_kernel: length={length}; a kernel has at least one lag; ask for 1 or more")


def check_single_precision(dt: Tensor, A: Tensor, C: Tensor, length: int) -> None:
    """As `check_arguments`, and UnsupportedError for what the GPU kernels do not take."""
    check_arguments(dt, A, C, length)
    if A.dtype != torch.float32:
        raise UnsupportedError(
            f"s4d_kernel: A is {A.dtype}; the kernels triton and cuda take float32; use kernel=s4d_kernel.torch"
        )


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """Modes near S4D-Lin's start, step sizes from the usual range, normal weights.

    Extreme ones decay within a lag or hardly at all and turn up to hundreds of times from one lag to the next.
    """
    features, modes = size["features"], size["modes"]

    def noise(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    if size.get("values") == "extreme":
        # Few bits, so that l dt A is exact in float64 and the definition says what it is after many turns.
        dt = 2.0 ** torch.randint(-10, 4, (features,), generator=generator).double()
        A_re = -(2.0 ** torch.randint(-12, 9, (features, modes), generator=generator).double())
        A_im = torch.round(16 * (256 * torch.rand(features, modes, generator=generator, dtype=torch.float64))) / 16
    else:
        dt = torch.exp(math.log(1e-3) + math.log(100) * torch.rand(features, generator=generator, dtype=torch.float64))
        A_re = -0.5 * torch.exp(0.3 * noise(features, modes))
        A_im = math.pi * torch.arange(modes, dtype=torch.float64) + 0.3 * noise(features, modes)
    A = torch.stack((A_re, A_im), -1)
    C = noise(features, modes, 2)
    return (*(tensor.to(dtype).requires_grad_() for tensor in (dt, A, C)), size["length"])


def flops(dt: Tensor, A: Tensor, C: Tensor, length: int) -> int:
    """Operations of the Vandermonde product: a complex multiplication (6) for the power and the real part of a complex
    multiplication and its sum (4), at each feature, mode and lag."""
    features, modes, _ = A.shape
    return 10 * features * modes * length


def costs(dt: Tensor, A: Tensor, C: Tensor, length: int) -> Costs:
    """The two-factor form: two multiply-adds for each feature, mode and lag, and the result is written once.

    The backward pass reads its gradient once and takes sums of g_l z^l and of l g_l z^l: four multiply-adds.
    """
    features, modes, _ = A.shape
    lags = features * length
    written = lags * A.element_size()
    return Costs(
        forward=Work(bytes=written, flops=4 * modes * lags), backward=Work(bytes=written, flops=8 * modes * lags)
    )
