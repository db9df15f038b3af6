"""`s4d_kernel` as Triton kernels: one launch forward, two backward.

Legend: K[l] = 2 Re sum_n C_n z_n^l with z_n = exp(dt A_n) and l = start + qT + r. A program has one feature and a tile
of Q x T lags, which is a matrix product over the modes of two tables of powers. Products are in float32 without tensor
cores, whose short formats would lose digits.
"""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

from harness.kernels.operators import Operator
from harness.kernels.triton.launching import launch
from harness_s4.s4d_kernel.op import check_single_precision
from harness_s4.turns import sine_and_cosine

INVERSE_TAU = tl.constexpr(0.15915494309189535)
TILES = ((64, 64, 4), (64, 128, 8))
"""Long lags Q, short lags T and warps going forward: for lengths that the first tile covers, and for longer ones."""
BACKWARD_WARPS = 8
FINE = 16
MODES = 16


@triton.jit
def _rates(DT, A, h, n, N):
    """dt A: the decay of a lag, and its turns, which are in float64 since float32 keeps no phase of many of them."""
    dt = tl.load(DT + h)
    a_re = tl.load(A + (h * N + n) * 2, mask=n < N, other=0.0)
    a_im = tl.load(A + (h * N + n) * 2 + 1, mask=n < N, other=0.0)
    return dt * a_re, dt.to(tl.float64) * a_im.to(tl.float64) * INVERSE_TAU


@triton.jit
def _power(decay, turns, lag):
    """z^lag."""
    phase = turns * lag.to(tl.float64)
    phase -= tl.floor(phase + 0.5)
    sine, cosine = sine_and_cosine(phase.to(tl.float32))
    size = tl.exp(decay * lag.to(tl.float32))
    return size * cosine, size * sine


@triton.jit
def _times(a_re, a_im, b_re, b_im):
    return a_re * b_re - a_im * b_im, a_re * b_im + a_im * b_re


@triton.jit
def _powers(decay, turns, first, step, COUNT: tl.constexpr, FINE: tl.constexpr, MODES: tl.constexpr):
    """z^{first + step i} for i < COUNT as [COUNT, MODES]: products of FINE and COUNT / FINE exponentials."""
    fine = (tl.arange(0, FINE) * step).to(tl.int64)
    coarse = first + (tl.arange(0, COUNT // FINE) * (step * FINE)).to(tl.int64)
    f_re, f_im = _power(decay[None, :], turns[None, :], fine[:, None])
    c_re, c_im = _power(decay[None, :], turns[None, :], coarse[:, None])
    z_re, z_im = _times(c_re[:, None, :], c_im[:, None, :], f_re[None, :, :], f_im[None, :, :])
    return tl.reshape(z_re, (COUNT, MODES)), tl.reshape(z_im, (COUNT, MODES))


@triton.jit
def _forward(
    DT, A, C, K, N, L, Q: tl.constexpr, T: tl.constexpr, FINE: tl.constexpr, MODES: tl.constexpr
):  # fmt: skip
    h = tl.program_id(0).to(tl.int64)
    start = tl.program_id(1).to(tl.int64) * (Q * T)
    k = tl.zeros((Q, T), tl.float32)
    for first in range(0, N, MODES):
        n = first + tl.arange(0, MODES)
        decay, turns = _rates(DT, A, h, n, N)
        c_re = tl.load(C + (h * N + n) * 2, mask=n < N, other=0.0)
        c_im = tl.load(C + (h * N + n) * 2 + 1, mask=n < N, other=0.0)
        l_re, l_im = _powers(decay, turns, start, T, Q, FINE, MODES)
        l_re, l_im = _times(l_re, l_im, 2.0 * c_re[None, :], 2.0 * c_im[None, :])
        r_re, r_im = _powers(decay, turns, 0, 1, T, FINE, MODES)
        k = tl.dot(l_re, tl.trans(r_re), k, input_precision="ieee")
        k = tl.dot(-l_im, tl.trans(r_im), k, input_precision="ieee")
    lag = start + tl.arange(0, Q)[:, None] * T + tl.arange(0, T)[None, :]
    tl.store(K + h * L + lag, k, mask=lag < L)


@triton.jit
def _backward(
    DT, A, G, PARTIAL, N, L, Q: tl.constexpr, T: tl.constexpr, FINE: tl.constexpr, MODES: tl.constexpr
):  # fmt: skip
    """Sums over the lags of a tile, S0 = sum g z^l and S1 = sum l g z^l, to PARTIAL [features, tiles, 4, N].

    Along the short lags as a matrix product, U_q = sum_r g z^r and V_q = sum_r r g z^r, with the parts of U and V of a
    mode side by side; then along the long ones, S0 = sum_q z^{qT} U_q and S1 = sum_q z^{qT} (qT U_q + V_q).
    """
    h = tl.program_id(0).to(tl.int64)
    start = tl.program_id(1).to(tl.int64) * (Q * T)
    q = start + tl.arange(0, Q).to(tl.int64) * T
    j = tl.arange(0, FINE)
    column = tl.arange(0, 4 * MODES)
    for first in range(0, N, MODES):
        # Each column makes its mode's powers by itself: what is joined from parts, tl.dot cannot take on sm_100.
        decay, turns = _rates(DT, A, h, first + column // 4, N)
        f_re, f_im = _power(decay[None, :], turns[None, :], j[:, None])
        uv = tl.zeros((Q, 4 * MODES), tl.float32)
        for base in range(0, T, FINE):
            lag = q[:, None] + (base + j)[None, :]
            g = tl.load(G + h * L + lag, mask=lag < L, other=0.0)
            b_re, b_im = _power(decay, turns, tl.full((4 * MODES,), base, tl.int32))
            z_re, z_im = _times(f_re, f_im, b_re[None, :], b_im[None, :])
            z = tl.where(column[None, :] % 4 < 2, z_re, z_im)
            z *= tl.where(column[None, :] % 2 == 0, 1.0, (base + j).to(tl.float32)[:, None])
            uv = tl.dot(g, z, uv, input_precision="ieee")
        u, v = tl.split(tl.reshape(uv, (Q, MODES, 2, 2)))
        u_re, u_im = tl.split(u)
        v_re, v_im = tl.split(v)
        n = first + tl.arange(0, MODES)
        decay, turns = _rates(DT, A, h, n, N)
        l_re, l_im = _powers(decay, turns, start, T, Q, FINE, MODES)
        u_re, u_im = _times(l_re, l_im, u_re, u_im)
        v_re, v_im = _times(l_re, l_im, v_re, v_im)
        lag = q.to(tl.float32)[:, None]
        to = PARTIAL + (h * tl.num_programs(1) + tl.program_id(1)) * 4 * N + n
        tl.store(to, tl.sum(u_re, axis=0), mask=n < N)
        tl.store(to + N, tl.sum(u_im, axis=0), mask=n < N)
        tl.store(to + 2 * N, tl.sum(lag * u_re + v_re, axis=0), mask=n < N)
        tl.store(to + 3 * N, tl.sum(lag * u_im + v_im, axis=0), mask=n < N)


@triton.jit
def _finish(DT, A, C, PARTIAL, GDT, GA, GC, N, TILES, MODES: tl.constexpr):
    """From the sums of all tiles: gC = 2 conj(S0), and the gradient of dt A is 2 conj(C S1)."""
    h = tl.program_id(0).to(tl.int64)
    dt = tl.load(DT + h)
    along_dt = tl.zeros((MODES,), tl.float32)
    for first in range(0, N, MODES):
        n = first + tl.arange(0, MODES)
        valid = n < N
        s0_re = tl.zeros((MODES,), tl.float32)
        s0_im = tl.zeros((MODES,), tl.float32)
        s1_re = tl.zeros((MODES,), tl.float32)
        s1_im = tl.zeros((MODES,), tl.float32)
        for tile in range(TILES):
            at = PARTIAL + (h * TILES + tile) * 4 * N + n
            s0_re += tl.load(at, mask=valid, other=0.0)
            s0_im += tl.load(at + N, mask=valid, other=0.0)
            s1_re += tl.load(at + 2 * N, mask=valid, other=0.0)
            s1_im += tl.load(at + 3 * N, mask=valid, other=0.0)
        at = (h * N + n) * 2
        c_re = tl.load(C + at, mask=valid, other=0.0)
        c_im = tl.load(C + at + 1, mask=valid, other=0.0)
        rate_re, rate_im = _times(2.0 * c_re, -2.0 * c_im, s1_re, -s1_im)
        tl.store(GC + at, 2.0 * s0_re, mask=valid)
        tl.store(GC + at + 1, -2.0 * s0_im, mask=valid)
        tl.store(GA + at, dt * rate_re, mask=valid)
        tl.store(GA + at + 1, dt * rate_im, mask=valid)
        a_re = tl.load(A + at, mask=valid, other=0.0)
        a_im = tl.load(A + at + 1, mask=valid, other=0.0)
        along_dt += a_re * rate_re + a_im * rate_im
    tl.store(GDT + h, tl.sum(along_dt, axis=0))


def allocate(dt: Tensor, A: Tensor, C: Tensor, length: int) -> Tensor:
    return dt.new_empty(dt.shape[0], length)


def forward(dt: Tensor, A: Tensor, C: Tensor, length: int, K: Tensor) -> None:
    Q, T, num_warps = _tile(length)
    features, modes, _ = A.shape
    launch(
        _forward, (features, -(-length // (Q * T))), dt.contiguous(), A.contiguous(), C.contiguous(), K, modes, length,
        num_warps=num_warps, Q=Q, T=T, FINE=FINE, MODES=MODES,
    )  # fmt: skip


def backward(dt: Tensor, A: Tensor, C: Tensor, length: int, gK: Tensor, gdt: Tensor, gA: Tensor, gC: Tensor) -> None:
    Q, T, _ = _tile(length)
    features, modes, _ = A.shape
    tiles = -(-length // (Q * T))
    dt, A, C = dt.contiguous(), A.contiguous(), C.contiguous()
    partial = A.new_empty(features, tiles, 4, modes)
    launch(
        _backward, (features, tiles), dt, A, gK, partial, modes, length,
        num_warps=BACKWARD_WARPS, Q=Q, T=T, FINE=FINE, MODES=MODES,
    )  # fmt: skip
    launch(_finish, (features,), dt, A, C, partial, gdt, gA, gC, modes, tiles, num_warps=1, MODES=32)


def _tile(length: int) -> tuple[int, int, int]:
    small, large = TILES
    return small if length <= small[0] * small[1] else large


s4d_kernel = Operator(
    "s4d_kernel_triton", allocate=allocate, forward=forward, backward=backward, check=check_single_precision
)
