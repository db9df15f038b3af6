"""What numba compiles of the kernel `cpu`: the tables of powers, and the gradients from the products with them.

Legend: z = exp(dt A), T the number of short lags. A row of a table is a lag; its columns are the real parts of all
modes and then the imaginary ones. Powers are products in float64, off by about l times its rounding after l steps.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numba import float32, float64, njit, types, void
from numba.extending import register_jitable

if TYPE_CHECKING:
    from harness.interfaces import Array

# Below this a power is zero: numbers too small to be normal would slow down everything that touches them.
SMALLEST = 1e-30


@register_jitable
def _fill(table: Array, step_re: Array, step_im: Array, z_re: Array, z_im: Array) -> None:
    """table[i] = step^i for all its rows; what would be the next one is left in z."""
    modes = len(step_re)
    for n in range(modes):
        z_re[n], z_im[n] = 1.0, 0.0
    for i in range(len(table)):
        row = table[i]
        for n in range(modes):
            row[n] = z_re[n]
            row[modes + n] = z_im[n]
            re = z_re[n] * step_re[n] - z_im[n] * step_im[n]
            im = z_re[n] * step_im[n] + z_im[n] * step_re[n]
            kept = 1.0 if abs(re) + abs(im) > SMALLEST else 0.0
            z_re[n] = kept * re
            z_im[n] = kept * im


def fill_tables(dt: Array, A: Array, long: Array, short: Array) -> None:
    """short[d, r] = z^r and long[d, q] = z^{qT}."""
    features, modes = A.shape[:2]
    step_re, step_im, z_re, z_im = np.empty(modes), np.empty(modes), np.empty(modes), np.empty(modes)
    for d in range(features):
        step = float64(dt[d])
        for n in range(modes):
            size = math.exp(step * A[d, n, 0])
            step_re[n] = size * math.cos(step * A[d, n, 1])
            step_im[n] = size * math.sin(step * A[d, n, 1])
        _fill(short[d], step_re, step_im, z_re, z_im)
        step_re[:] = z_re
        step_im[:] = z_im
        _fill(long[d], step_re, step_im, z_re, z_im)


def weigh(long: Array, C: Array) -> None:
    """2 conj(C z^{qT}) in place: the real part of a product with z^r is then a product of real rows."""
    features, modes = C.shape[:2]
    for d in range(features):
        for q in range(long.shape[1]):
            row = long[d, q]
            for n in range(modes):
                re, im = row[n], row[modes + n]
                row[n] = 2 * (C[d, n, 0] * re - C[d, n, 1] * im)
                row[modes + n] = -2 * (C[d, n, 0] * im + C[d, n, 1] * re)


@register_jitable
def _add_products(table: Array, sums: Array, step: int, s0_re: Array, s0_im: Array, s1_re: Array, s1_im: Array) -> None:
    """s0 += sum over rows of table * sums, and s1 += the same of step * row * table * sums."""
    modes = len(s0_re)
    for i in range(len(table)):
        lag = float64(i * step)
        z, u = table[i], sums[i]
        for n in range(modes):
            re = float64(z[n] * u[n] - z[modes + n] * u[modes + n])
            im = float64(z[n] * u[modes + n] + z[modes + n] * u[n])
            s0_re[n] += re
            s0_im[n] += im
            s1_re[n] += lag * re
            s1_im[n] += lag * im


def fill_gradients(
    dt: Array, A: Array, C: Array, long: Array, short: Array, along_short: Array, along_long: Array,
    gdt: Array, gA: Array, gC: Array,
) -> None:  # fmt: skip
    """Of dt, A and C, from along_short[q] = sum_r g z^r and along_long[r] = sum_q g z^{qT}."""
    features, modes = A.shape[:2]
    s0_re, s0_im, s1_re, s1_im = np.empty(modes), np.empty(modes), np.empty(modes), np.empty(modes)
    unused_re, unused_im = np.empty(modes), np.empty(modes)
    for d in range(features):
        for part in (s0_re, s0_im, s1_re, s1_im, unused_re, unused_im):
            part[:] = 0
        _add_products(long[d], along_short[d], short.shape[1], s0_re, s0_im, s1_re, s1_im)
        _add_products(short[d], along_long[d], 1, unused_re, unused_im, s1_re, s1_im)
        along_dt = 0.0
        for n in range(modes):
            rate_re = 2 * (C[d, n, 0] * s1_re[n] - C[d, n, 1] * s1_im[n])
            rate_im = -2 * (C[d, n, 0] * s1_im[n] + C[d, n, 1] * s1_re[n])
            along_dt += A[d, n, 0] * rate_re + A[d, n, 1] * rate_im
            gA[d, n, 0] = dt[d] * rate_re
            gA[d, n, 1] = dt[d] * rate_im
            gC[d, n, 0] = 2 * s0_re[n]
            gC[d, n, 1] = -2 * s0_im[n]
        gdt[d] = along_dt


def _types(loop: Callable[..., None], dtype: torch.dtype) -> types.Type:
    """Arrays of as many dimensions as the names say: one for dt and its gradient, three for all others."""
    element = {torch.float32: float32, torch.float64: float64}[dtype]
    names = inspect.signature(loop).parameters
    return void(*(element[::1] if name in ("dt", "gdt") else element[:, :, ::1] for name in names))


@functools.cache
def compiled(loop: Callable[..., None], dtype: torch.dtype) -> Callable[..., None]:
    """Machine code of a loop for one dtype: made at the first call, about a second, or read from beside the source."""
    options = {"nogil": True, "fastmath": {"contract"}}
    try:
        return njit(_types(loop, dtype), cache=True, **options)(loop)  # type: ignore[no-any-return]
    except (RuntimeError, OSError):
        # There is no folder that can be written, so every process compiles for itself.
        return njit(_types(loop, dtype), **options)(loop)  # type: ignore[no-any-return]
