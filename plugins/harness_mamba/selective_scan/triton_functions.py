"""Functions that the Triton kernels of `selective_scan` and of `selective_scan_update` share."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def softplus(x):
    """log(1 + exp(x)) = max(x, 0) + log1p(e), e = exp(-|x|).

    log1p(e) = 2 atanh(s), where s = e / (2 + e) is at most a third: a short polynomial in s^2, off by 4e-9, keeps small
    results precise as log(1 + e) would not.
    """
    e = tl.exp(-tl.abs(x))
    s = e / (2.0 + e)
    square = s * s
    series = 0.14078889 * square + 0.13982579
    series = series * square + 0.20012298
    series = series * square + 0.33333161
    series = series * square + 1.0
    return tl.maximum(x, 0.0) + 2.0 * s * series
