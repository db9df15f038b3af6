"""The op `long_conv`: causal convolution of each feature with a kernel as long as the sequence."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float
from scipy.fft import next_fast_len
from torch import Tensor


def reference(
    u: Float[Tensor, "batch features length"], kernel: Float[Tensor, "features length"]
) -> Float[Tensor, "batch features length"]:
    """y[t] = sum over lags s = 0..t of kernel[s] u[t - s], one lag after the other."""
    length = u.shape[-1]
    y = torch.zeros_like(u)
    for lag in range(length):
        shifted = torch.cat((torch.zeros_like(u[..., :lag]), u[..., : length - lag]), dim=-1)
        y = y + kernel[:, lag, None] * shifted
    return y


def fourier(
    u: Float[Tensor, "batch features length"], kernel: Float[Tensor, "features length"]
) -> Float[Tensor, "batch features length"]:
    """The product of spectra, padded to at least twice the length so that the end does not wrap round to the start."""
    length = u.shape[-1]
    num_points = next_fast_len(2 * length, real=True)
    # Half precision has no transform.
    exact = torch.promote_types(u.dtype, torch.float32)
    spectrum = torch.fft.rfft(u.to(exact), n=num_points) * torch.fft.rfft(kernel.to(exact), n=num_points)
    return torch.fft.irfft(spectrum, n=num_points)[..., :length].to(u.dtype)


def flops(u: Tensor, kernel: Tensor) -> int:
    """Operations of the spectral form: 5/2 n log2 n for a real transform of n points, 6 for a complex product."""
    batch, features, length = u.shape
    num_points = next_fast_len(2 * length, real=True)
    num_transforms = features * (2 * batch + 1)
    products = 6 * batch * features * (num_points // 2 + 1)
    return round(num_transforms * 2.5 * num_points * math.log2(num_points)) + products


def make_inputs(size: Mapping[str, Any], generator: torch.Generator, dtype: torch.dtype) -> tuple[Any, ...]:
    """A standard normal signal and a kernel that decays as a stable system's does."""
    batch, features, length = size["batch"], size["features"], size["length"]
    u = torch.randn(batch, features, length, generator=generator, dtype=dtype)
    decay = torch.exp(-torch.arange(length, dtype=dtype) / 8)
    kernel = torch.randn(features, length, generator=generator, dtype=dtype) * decay
    return u.requires_grad_(), kernel.requires_grad_()
