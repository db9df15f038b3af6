"""`long_conv` in torch alone: the product of spectra."""

from __future__ import annotations

import torch
from jaxtyping import Float
from scipy.fft import next_fast_len
from torch import Tensor

from harness_sequence.long_conv.op import check_arguments


def long_conv(
    u: Float[Tensor, "batch features length"], kernel: Float[Tensor, "features length"]
) -> Float[Tensor, "batch features length"]:
    """Spectra padded to at least twice the length, so that the end does not wrap round to the start."""
    check_arguments(u, kernel)
    length = u.shape[-1]
    num_points = _num_points(length)
    # Half precision has no transform.
    exact = torch.promote_types(u.dtype, torch.float32)
    spectrum = torch.fft.rfft(u.to(exact), n=num_points) * torch.fft.rfft(kernel.to(exact), n=num_points)
    return torch.fft.irfft(spectrum, n=num_points)[..., :length].to(u.dtype)


@torch.compiler.assume_constant_result
def _num_points(length: int) -> int:
    """A length that transforms fast; torch.compile, which cannot look into it, takes it as it is."""
    return int(next_fast_len(2 * length, real=True))
