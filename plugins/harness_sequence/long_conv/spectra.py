"""Torch's transforms for lengths beyond a block, as the Triton and CUDA kernels use them around their products."""

from __future__ import annotations

import torch
from scipy.fft import next_fast_len
from torch import Tensor


def spectrum(signal: Tensor) -> Tensor:
    """The padded spectrum as pairs (real, imaginary): [..., frequencies, 2]."""
    num_points = next_fast_len(2 * signal.shape[-1], real=True)
    return torch.view_as_real(torch.fft.rfft(signal.float(), n=num_points))


def signal_of(pairs: Tensor, length: int) -> Tensor:
    """The first `length` points of the signal with that spectrum."""
    num_points = next_fast_len(2 * length, real=True)
    return torch.fft.irfft(torch.view_as_complex(pairs), n=num_points)[..., :length]
