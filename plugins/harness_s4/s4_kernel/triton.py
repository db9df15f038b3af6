"""`s4_kernel` as Triton kernels: two launches and an inverse FFT forward, an FFT and three launches backward.

The equations stand in `s4_kernel.cu`; the letters are the same: at a frequency with s and c, sums over the modes of W q
and V q make X, rows CB', CP, P*B', P*P. What depends on a mode alone, (a, w, W, V), is made before, by a launch of its
own. A program has one feature and a tile of frequencies, and walks over the modes.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.kernels.operators import Operator
from harness.kernels.triton.launching import launch
from harness_s4.s4_kernel.op import check_single_precision
from harness_s4.turns import sine_and_cosine

FORWARD_TILE, FORWARD_WARPS = 512, 4
BACKWARD_TILE = 256
"""Frequencies of a program. Going back it is one warp, whose lanes sum over frequencies without shared memory."""
MODES = 32
FIELDS = 12
"""Numbers a mode: a, w, two unused, four W, four V."""
SUMS = tl.constexpr(10)


@triton.jit
def _times(x_re, x_im, y_re, y_im):
    return x_re * y_re - x_im * y_im, x_re * y_im + x_im * y_re


@triton.jit
def _back(x_re, x_im, y_re, y_im):
    """conj(x) y, by which a gradient passes back through a product with x."""
    return x_re * y_re + x_im * y_im, x_re * y_im - x_im * y_re


@triton.jit
def _inverse(x_re, x_im):
    scale = 1.0 / (x_re * x_re + x_im * x_im)
    return x_re * scale, -x_im * scale


@triton.jit
def _load_modes(X, h, n, N):
    at = X + (h * N + n) * 2
    return tl.load(at, mask=n < N, other=0.0), tl.load(at + 1, mask=n < N, other=0.0)


@triton.jit
def _store_modes(X, h, n, N, re, im):
    at = X + (h * N + n) * 2
    tl.store(at, re, mask=n < N)
    tl.store(at + 1, im, mask=n < N)


@triton.jit
def _row(x, row):
    """A row of [4, ...]."""
    return tl.sum(tl.where(tl.arange(0, 4)[:, None] == row, x, 0.0), axis=0)


@triton.jit
def _rows(a, b, c, d):
    """[4, ...] of rows."""
    row = tl.arange(0, 4)[:, None]
    first, second = tl.where(row == 0, a[None, :], b[None, :]), tl.where(row == 2, c[None, :], d[None, :])
    return tl.where(row < 2, first, second)


@triton.jit
def _share_of_P(P, B, h, N, MODES: tl.constexpr):
    """k = <P, B> / <P, P>."""
    along = tl.zeros((MODES,), tl.float32)
    square = tl.zeros((MODES,), tl.float32)
    for first in range(0, N, MODES):
        n = first + tl.arange(0, MODES)
        p_re, p_im = _load_modes(P, h, n, N)
        b_re, b_im = _load_modes(B, h, n, N)
        along += p_re * b_re + p_im * b_im
        square += p_re * p_re + p_im * p_im
    total = tl.sum(square, axis=0)
    return tl.where(total > 0.0, tl.sum(along, axis=0) / total, 0.0)


@triton.jit
def _products(p_re, p_im, r_re, r_im, c_re, c_im):
    """v = C B', C P, P* B', P* P as [4, modes], where r is B'."""
    cb_re, cb_im = _times(c_re, c_im, r_re, r_im)
    cp_re, cp_im = _times(c_re, c_im, p_re, p_im)
    pb_re, pb_im = _back(p_re, p_im, r_re, r_im)
    pp_re, pp_im = _back(p_re, p_im, p_re, p_im)
    return _rows(cb_re, cp_re, pb_re, pp_re), _rows(cb_im, cp_im, pb_im, pp_im)


@triton.jit
def _prepare(DT, A, P, B, C, TABLE, SHARE, N, FIELDS: tl.constexpr, MODES: tl.constexpr):
    """TABLE [features, N, FIELDS] and k as SHARE [features]."""
    h = tl.program_id(0).to(tl.int64)
    g = 0.5 * tl.load(DT + h)
    k = _share_of_P(P, B, h, N, MODES)
    tl.store(SHARE + h, k)
    row = tl.arange(0, 4)[:, None]
    for first in range(0, N, MODES):
        n = first + tl.arange(0, MODES)
        a_re, a_im = _load_modes(A, h, n, N)
        p_re, p_im = _load_modes(P, h, n, N)
        b_re, b_im = _load_modes(B, h, n, N)
        c_re, c_im = _load_modes(C, h, n, N)
        v_re, v_im = _products(p_re, p_im, b_re - k * p_re, b_im - k * p_im, c_re, c_im)
        a, w = -g * a_re, g * a_im
        to = TABLE + (h * N + n) * FIELDS
        tl.store(to, a, mask=n < N)
        tl.store(to + 1, w, mask=n < N)
        valid = (n < N)[None, :] & (row < 4)
        tl.store(to[None, :] + 4 + row, 2.0 * v_re, mask=valid)
        tl.store(to[None, :] + 8 + row, 2.0 * (a[None, :] * v_re - w[None, :] * v_im), mask=valid)


@triton.jit
def _angle(f, L):
    """s and c of frequencies, both as sines: where c is near zero a fast mode resonates and it needs its digits."""
    s, _ = sine_and_cosine(f.to(tl.float32) / (2.0 * L))
    c, _ = sine_and_cosine((L - 2 * f).to(tl.float32) / (4.0 * L))
    return s, c


@triton.jit
def _reciprocal(s, c, a, w):
    ca, cw = c * a, c * w
    # Factored, because near resonance s^2 and (c w)^2 nearly cancel.
    re = ca * ca - (s - cw) * (s + cw)
    im = 2.0 * s * ca
    scale = 1.0 / (re * re + im * im)
    return re * scale, -im * scale


@triton.jit
def _cauchy_products(TABLE, s, c, N, TILE: tl.constexpr, FIELDS: tl.constexpr):
    """X as [4, TILE]."""
    row = tl.arange(0, 4)
    w_re = tl.zeros((4, TILE), tl.float32)
    w_im = tl.zeros((4, TILE), tl.float32)
    v_re = tl.zeros((4, TILE), tl.float32)
    v_im = tl.zeros((4, TILE), tl.float32)
    for n in range(N):
        mode = TABLE + n * FIELDS
        q_re, q_im = _reciprocal(s, c, tl.load(mode), tl.load(mode + 1))
        W = tl.load(mode + 4 + row)[:, None]
        V = tl.load(mode + 8 + row)[:, None]
        w_re += W * q_re[None, :]
        w_im += W * q_im[None, :]
        v_re += V * q_re[None, :]
        v_im += V * q_im[None, :]
    return c[None, :] * v_re - s[None, :] * w_im, c[None, :] * v_im + s[None, :] * w_re


@triton.jit
def _forward(
    DT, TABLE, SHARE, SPECTRUM, N, L, NUM_FREQUENCIES, TILE: tl.constexpr, FIELDS: tl.constexpr
):  # fmt: skip
    h = tl.program_id(0).to(tl.int64)
    f = tl.program_id(1) * TILE + tl.arange(0, TILE)
    s, c = _angle(f, L)
    x_re, x_im = _cauchy_products(TABLE + h * N * FIELDS, s, c, N, TILE, FIELDS)
    g, k = 0.5 * tl.load(DT + h), tl.load(SHARE + h)
    gc = g * c
    over_re, over_im = k - gc * _row(x_re, 2), -gc * _row(x_im, 2)
    under_re, under_im = _inverse(1.0 + gc * _row(x_re, 3), gc * _row(x_im, 3))
    t_re, t_im = _times(over_re, over_im, under_re, under_im)
    low_re, low_im = _times(_row(x_re, 1), _row(x_im, 1), t_re, t_im)
    y_re, y_im = _times(gc, g * s, _row(x_re, 0) + low_re, _row(x_im, 0) + low_im)
    to = SPECTRUM + (h * NUM_FREQUENCIES + f) * 2
    tl.store(to, y_re, mask=f < NUM_FREQUENCIES)
    tl.store(to + 1, y_im, mask=f < NUM_FREQUENCIES)


@triton.jit
def _backward(
    DT, TABLE, SHARE, UPSTREAM, PARTIAL, OF_G, N, L, NUM_FREQUENCIES, TILE: tl.constexpr, FIELDS: tl.constexpr
):  # fmt: skip
    """PARTIAL [features, tiles, SUMS, N]: sums over frequencies of the gradients of W and V, of c^2 Re and of s c Im of
    that of 1 / q. OF_G [features, tiles]: the gradient of g outside of the modes."""
    h = tl.program_id(0).to(tl.int64)
    part = h * tl.num_programs(1) + tl.program_id(1)
    f = tl.program_id(1) * TILE + tl.arange(0, TILE)
    s, c = _angle(f, L)
    TABLE += h * N * FIELDS
    x_re, x_im = _cauchy_products(TABLE, s, c, N, TILE, FIELDS)
    g, k = 0.5 * tl.load(DT + h), tl.load(SHARE + h)
    gc = g * c
    at = UPSTREAM + (h * NUM_FREQUENCIES + f) * 2
    # Each of the frequencies that K has twice, as a conjugate pair, counts twice; those past the end do not count.
    weight = tl.where((f == 0) | (2 * f == L), 1.0, 2.0) / L
    gy_re = weight * tl.load(at, mask=f < NUM_FREQUENCIES, other=0.0)
    gy_im = weight * tl.load(at + 1, mask=f < NUM_FREQUENCIES, other=0.0)
    cp_re, cp_im = _row(x_re, 1), _row(x_im, 1)
    pb_re, pb_im = _row(x_re, 2), _row(x_im, 2)
    pp_re, pp_im = _row(x_re, 3), _row(x_im, 3)
    under_re, under_im = _inverse(1.0 + gc * pp_re, gc * pp_im)
    t_re, t_im = _times(k - gc * pb_re, -gc * pb_im, under_re, under_im)
    low_re, low_im = _times(cp_re, cp_im, t_re, t_im)
    y_re, y_im = _times(c, s, _row(x_re, 0) + low_re, _row(x_im, 0) + low_im)
    whole_re, whole_im = _back(gc, g * s, gy_re, gy_im)
    gcp_re, gcp_im = _back(t_re, t_im, whole_re, whole_im)
    gt_re, gt_im = _back(cp_re, cp_im, whole_re, whole_im)
    over_re, over_im = _back(under_re, under_im, gt_re, gt_im)
    gd_re, gd_im = _back(t_re, t_im, over_re, over_im)  # minus the gradient of what t is divided by
    of_g = y_re * gy_re + y_im * gy_im
    of_g -= c * (pp_re * gd_re + pp_im * gd_im + pb_re * over_re + pb_im * over_im)
    tl.store(OF_G + part, tl.sum(of_g, axis=0))
    gx_re = _rows(whole_re, gcp_re, -gc * over_re, -gc * gd_re)
    gx_im = _rows(whole_im, gcp_im, -gc * over_im, -gc * gd_im)
    row = tl.arange(0, 4)
    for n in range(N):
        mode = TABLE + n * FIELDS
        q_re, q_im = _reciprocal(s, c, tl.load(mode), tl.load(mode + 1))
        W = tl.load(mode + 4 + row)[:, None]
        V = tl.load(mode + 8 + row)[:, None]
        gq_re = s * tl.sum(W * gx_im, axis=0) + c * tl.sum(V * gx_re, axis=0)
        gq_im = c * tl.sum(V * gx_im, axis=0) - s * tl.sum(W * gx_re, axis=0)
        # Of q, and then of 1 / q: -conj(q^2) times that.
        square_re, square_im = _times(q_re, q_im, q_re, q_im)
        inverse_re, inverse_im = _back(square_re, square_im, gq_re, gq_im)
        to = PARTIAL + part * SUMS * N + n
        gw = tl.sum(gx_im * (s * q_re)[None, :] - gx_re * (s * q_im)[None, :], axis=1)
        gv = tl.sum(gx_re * (c * q_re)[None, :] + gx_im * (c * q_im)[None, :], axis=1)
        tl.store(to + row * N, gw)
        tl.store(to + (4 + row) * N, gv)
        tl.store(to + 8 * N, -tl.sum(c * c * inverse_re, axis=0))
        tl.store(to + 9 * N, -tl.sum(s * c * inverse_im, axis=0))


@triton.jit
def _finish(
    DT, A, P, B, C, SHARE, PARTIAL, OF_G, GDT, GA, GP, GB, GC, N, TILES, MODES: tl.constexpr
):  # fmt: skip
    """From the sums of all tiles to the gradients of the arguments."""
    h = tl.program_id(0).to(tl.int64)
    g, k = 0.5 * tl.load(DT + h), tl.load(SHARE + h)
    of_g = 0.0
    for tile in range(TILES):
        of_g += tl.load(OF_G + h * TILES + tile)
    row = tl.arange(0, 4)[:, None]
    for first in range(0, N, MODES):
        n = first + tl.arange(0, MODES)
        gw = tl.zeros((4, MODES), tl.float32)
        gv = tl.zeros((4, MODES), tl.float32)
        along_re = tl.zeros((MODES,), tl.float32)
        along_im = tl.zeros((MODES,), tl.float32)
        for tile in range(TILES):
            at = PARTIAL + (h * TILES + tile) * SUMS * N + n
            valid = (n < N)[None, :] & (row < 4)
            gw += tl.load(at[None, :] + row * N, mask=valid, other=0.0)
            gv += tl.load(at[None, :] + (4 + row) * N, mask=valid, other=0.0)
            along_re += tl.load(at + 8 * N, mask=n < N, other=0.0)
            along_im += tl.load(at + 9 * N, mask=n < N, other=0.0)
        a_re, a_im = _load_modes(A, h, n, N)
        p_re, p_im = _load_modes(P, h, n, N)
        b_re, b_im = _load_modes(B, h, n, N)
        c_re, c_im = _load_modes(C, h, n, N)
        r_re, r_im = b_re - k * p_re, b_im - k * p_im
        a, w = -g * a_re, g * a_im
        v_re, v_im = _products(p_re, p_im, r_re, r_im, c_re, c_im)
        ga = 2.0 * (a * along_re + along_im + tl.sum(v_re * gv, axis=0))
        gw_of_mode = 2.0 * (w * along_re - tl.sum(v_im * gv, axis=0))
        of_g += tl.sum(a_im * gw_of_mode - a_re * ga, axis=0)
        _store_modes(GA, h, n, N, -g * ga, g * gw_of_mode)
        gv_re, gv_im = 2.0 * (gw + a[None, :] * gv), -2.0 * w[None, :] * gv
        cb_re, cb_im = _row(gv_re, 0), _row(gv_im, 0)
        cp_re, cp_im = _row(gv_re, 1), _row(gv_im, 1)
        pb_re, pb_im = _row(gv_re, 2), _row(gv_im, 2)
        # v0 = C B', v2 = P* B'
        by_c_re, by_c_im = _back(c_re, c_im, cb_re, cb_im)
        by_p_re, by_p_im = _times(p_re, p_im, pb_re, pb_im)
        gr_re, gr_im = by_c_re + by_p_re, by_c_im + by_p_im
        _store_modes(GB, h, n, N, gr_re, gr_im)
        # v1 = C P, v2 again, v3 = P* P, and B' = B - k P
        by_c_re, by_c_im = _back(c_re, c_im, cp_re, cp_im)
        by_r_re, by_r_im = _back(pb_re, pb_im, r_re, r_im)
        twice = 2.0 * _row(gv_re, 3)
        _store_modes(
            GP, h, n, N,
            by_c_re + by_r_re + twice * p_re - k * gr_re,
            by_c_im + by_r_im + twice * p_im - k * gr_im,
        )  # fmt: skip
        by_r_re, by_r_im = _back(r_re, r_im, cb_re, cb_im)
        by_p_re, by_p_im = _back(p_re, p_im, cp_re, cp_im)
        _store_modes(GC, h, n, N, by_r_re + by_p_re, by_r_im + by_p_im)
    tl.store(GDT + h, 0.5 * of_g)


def allocate(dt: Tensor, A: Tensor, P: Tensor, B: Tensor, C_tilde: Tensor, length: int) -> Tensor:
    return dt.new_empty(dt.shape[0], length)


def forward(dt: Tensor, A: Tensor, P: Tensor, B: Tensor, C_tilde: Tensor, length: int, K: Tensor) -> None:
    features, modes, _ = A.shape
    frequencies = length // 2 + 1
    dt, *rest = (tensor.contiguous() for tensor in (dt, A, P, B, C_tilde))
    table, share = _prepared(dt, *rest)
    spectrum = dt.new_empty(features, frequencies, dtype=torch.complex64)
    launch(
        _forward, (features, -(-frequencies // FORWARD_TILE)),
        dt, table, share, torch.view_as_real(spectrum), modes, length, frequencies,
        num_warps=FORWARD_WARPS, TILE=FORWARD_TILE, FIELDS=FIELDS,
    )  # fmt: skip
    torch.fft.irfft(spectrum, n=length, out=K)


def backward(
    dt: Tensor, A: Tensor, P: Tensor, B: Tensor, C_tilde: Tensor, length: int, gK: Tensor,
    gdt: Tensor, gA: Tensor, gP: Tensor, gB: Tensor, gC_tilde: Tensor,
) -> None:  # fmt: skip
    features, modes, _ = A.shape
    frequencies = length // 2 + 1
    tiles = -(-frequencies // BACKWARD_TILE)
    dt, *rest = (tensor.contiguous() for tensor in (dt, A, P, B, C_tilde))
    table, share = _prepared(dt, *rest)
    upstream = torch.view_as_real(torch.fft.rfft(gK))
    partial = dt.new_empty(features, tiles, SUMS.value, modes)
    of_g = dt.new_empty(features, tiles)
    launch(
        _backward, (features, tiles), dt, table, share, upstream, partial, of_g, modes, length, frequencies,
        num_warps=1, TILE=BACKWARD_TILE, FIELDS=FIELDS,
    )  # fmt: skip
    launch(
        _finish, (features,), dt, *rest, share, partial, of_g, gdt, gA, gP, gB, gC_tilde, modes, tiles,
        num_warps=1, MODES=MODES,
    )  # fmt: skip


def _prepared(dt: Tensor, A: Tensor, P: Tensor, B: Tensor, C_tilde: Tensor) -> tuple[Tensor, Tensor]:
    features, modes, _ = A.shape
    table, share = dt.new_empty(features, modes, FIELDS), dt.new_empty(features)
    launch(
        _prepare, (features,), dt, A, P, B, C_tilde, table, share, modes, num_warps=1, FIELDS=FIELDS, MODES=MODES
    )  # fmt: skip
    return table, share


s4_kernel = Operator(
    "s4_kernel_triton", allocate=allocate, forward=forward, backward=backward, check=check_single_precision
)
