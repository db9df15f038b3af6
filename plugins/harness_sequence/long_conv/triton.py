"""`long_conv` as a Triton kernel: Fourier transforms of constant geometry, all of them in one program.

Every stage pairs the element i of the first half with that of the second and puts sum and rotated difference side by
side (Pease 1968), so all stages are one piece of code, and going back undoes them one by one. Spectra stay in the order
in which this leaves them. Two rows of the batch are the real and the imaginary part of one signal, since the kernel is
real. Beyond MOST_POINTS the transforms are torch's and the product of spectra is a program.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.kernels.operators import Operator
from harness.kernels.triton.launching import launch
from harness_sequence.long_conv.op import check_arguments
from harness_sequence.long_conv.spectra import signal_of, spectrum

LEAST_LOG2, MOST_LOG2 = 4, 11
PAIRS = 4
"""Pairs of rows that a program transforms after the kernel, whose own transform they share."""


@triton.jit
def _make_roots(ROOTS, N: tl.constexpr, BLOCK: tl.constexpr):
    """cos and sin of -2 pi e / N for e < N / 2."""
    e = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    angle = e.to(tl.float32) * (-6.283185307179586 / N)
    tl.store(ROOTS + 2 * e, tl.cos(angle), mask=e < N // 2)
    tl.store(ROOTS + 2 * e + 1, tl.sin(angle), mask=e < N // 2)


@triton.jit
def _root(ROOTS, i, stage):
    e = (i >> stage) << stage
    return tl.load(ROOTS + 2 * e), tl.load(ROOTS + 2 * e + 1)


@triton.jit
def _transform(re, im, ROOTS, LOG2N: tl.constexpr):
    N: tl.constexpr = 2**LOG2N
    i = tl.arange(0, N // 2)
    for stage in range(LOG2N):
        a_re, b_re = tl.split(tl.permute(tl.reshape(re, (2, N // 2)), (1, 0)))
        a_im, b_im = tl.split(tl.permute(tl.reshape(im, (2, N // 2)), (1, 0)))
        w_re, w_im = _root(ROOTS, i, stage)
        d_re, d_im = a_re - b_re, a_im - b_im
        re = tl.reshape(tl.join(a_re + b_re, d_re * w_re - d_im * w_im), (N,))
        im = tl.reshape(tl.join(a_im + b_im, d_re * w_im + d_im * w_re), (N,))
    return re, im


@triton.jit
def _transform_back(re, im, ROOTS, LOG2N: tl.constexpr):
    N: tl.constexpr = 2**LOG2N
    i = tl.arange(0, N // 2)
    for done in range(LOG2N):
        s_re, d_re = tl.split(tl.reshape(re, (N // 2, 2)))
        s_im, d_im = tl.split(tl.reshape(im, (N // 2, 2)))
        w_re, w_im = _root(ROOTS, i, LOG2N - 1 - done)
        t_re, t_im = d_re * w_re + d_im * w_im, d_im * w_re - d_re * w_im
        re = tl.reshape(tl.permute(tl.join(s_re + t_re, s_re - t_re), (1, 0)), (N,))
        im = tl.reshape(tl.permute(tl.join(s_im + t_im, s_im - t_im), (1, 0)), (N,))
    return re / N, im / N


@triton.jit
def _load_pair(X, pair, feature, at, B, D, L):
    row = pair * 2 * D * L + feature * L
    re = tl.load(X + row + at, mask=at < L, other=0.0).to(tl.float32)
    im = tl.load(X + row + D * L + at, mask=(at < L) & (2 * pair + 1 < B), other=0.0).to(tl.float32)
    return re, im


@triton.jit
def _convolve(
    U, K, ROOTS, Y, B, D, L, CORRELATE: tl.constexpr, LOG2N: tl.constexpr, PAIRS: tl.constexpr
):  # fmt: skip
    feature = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, 2**LOG2N)
    k_re = tl.load(K + feature * L + at, mask=at < L, other=0.0)
    k_re, k_im = _transform(k_re, tl.zeros_like(k_re), ROOTS, LOG2N)
    if CORRELATE:
        k_im = -k_im
    for step in range(PAIRS):
        pair = tl.program_id(1).to(tl.int64) * PAIRS + step
        if 2 * pair < B:
            u_re, u_im = _load_pair(U, pair, feature, at, B, D, L)
            u_re, u_im = _transform(u_re, u_im, ROOTS, LOG2N)
            y_re, y_im = _transform_back(u_re * k_re - u_im * k_im, u_re * k_im + u_im * k_re, ROOTS, LOG2N)
            row = Y + pair * 2 * D * L + feature * L
            tl.store(row + at, y_re.to(Y.dtype.element_ty), mask=at < L)
            tl.store(row + D * L + at, y_im.to(Y.dtype.element_ty), mask=(at < L) & (2 * pair + 1 < B))


@triton.jit
def _correlate(U, GY, ROOTS, PARTIAL, B, D, L, LOG2N: tl.constexpr, PAIRS: tl.constexpr):
    """The gradient of the kernel; see `correlate` in long_conv.cu for why the real part is the sum of both rows."""
    feature = tl.program_id(0).to(tl.int64)
    at = tl.arange(0, 2**LOG2N)
    sum_re = tl.zeros((2**LOG2N,), tl.float32)
    sum_im = tl.zeros((2**LOG2N,), tl.float32)
    for step in range(PAIRS):
        pair = tl.program_id(1).to(tl.int64) * PAIRS + step
        if 2 * pair < B:
            g_re, g_im = _load_pair(GY, pair, feature, at, B, D, L)
            g_re, g_im = _transform(g_re, g_im, ROOTS, LOG2N)
            u_re, u_im = _load_pair(U, pair, feature, at, B, D, L)
            u_re, u_im = _transform(u_re, u_im, ROOTS, LOG2N)
            sum_re += g_re * u_re + g_im * u_im
            sum_im += g_im * u_re - g_re * u_im
    k_re, _ = _transform_back(sum_re, sum_im, ROOTS, LOG2N)
    part = tl.program_id(1).to(tl.int64) * D * L
    tl.store(PARTIAL + part + feature * L + at, k_re, mask=at < L)


@triton.jit
def _multiply(A, B, OUT, per_row, count, CONJUGATE: tl.constexpr, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here, j = i < count, i % per_row
    a_re, a_im = tl.load(A + 2 * i, mask=here), tl.load(A + 2 * i + 1, mask=here)
    b_re, b_im = tl.load(B + 2 * j, mask=here), tl.load(B + 2 * j + 1, mask=here)
    if CONJUGATE:
        b_im = -b_im
    tl.store(OUT + 2 * i, a_re * b_re - a_im * b_im, mask=here)
    tl.store(OUT + 2 * i + 1, a_re * b_im + a_im * b_re, mask=here)


@triton.jit
def _multiply_and_sum(A, B, OUT, batch, per_row, BLOCK: tl.constexpr):
    i = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    here = i < per_row
    sum_re = tl.zeros((BLOCK,), tl.float32)
    sum_im = tl.zeros((BLOCK,), tl.float32)
    for row in range(batch):
        at = 2 * (row * per_row + i)
        a_re, a_im = tl.load(A + at, mask=here), tl.load(A + at + 1, mask=here)
        b_re, b_im = tl.load(B + at, mask=here), tl.load(B + at + 1, mask=here)
        sum_re += a_re * b_re + a_im * b_im
        sum_im += a_im * b_re - a_re * b_im
    tl.store(OUT + 2 * i, sum_re, mask=here)
    tl.store(OUT + 2 * i + 1, sum_im, mask=here)


def allocate(u: Tensor, kernel: Tensor) -> Tensor:
    return u.new_empty(u.shape)


def forward(u: Tensor, kernel: Tensor, y: Tensor) -> None:
    log2_points = _log2_points(u)
    if log2_points > MOST_LOG2:
        y.copy_(_convolved(u, kernel, conjugate=False))
    else:
        _convolve_inside(u, kernel, y, log2_points, correlate=False)


def backward(u: Tensor, kernel: Tensor, gy: Tensor, gu: Tensor, gkernel: Tensor) -> None:
    log2_points = _log2_points(u)
    if log2_points > MOST_LOG2:
        gu.copy_(_convolved(gy, kernel, conjugate=True))
        gkernel.copy_(_correlated(gy, u))
        return
    _convolve_inside(gy, kernel, gu, log2_points, correlate=True)
    batch, features, length = u.shape
    num_parts = -(-batch // (2 * PAIRS))
    partial = u.new_empty((num_parts, features, length), dtype=torch.float32)
    launch(
        _correlate, (features, num_parts), u.contiguous(), gy, _roots(u, log2_points), partial, batch, features, length,
        LOG2N=log2_points, PAIRS=PAIRS, num_warps=_num_warps(log2_points),
    )  # fmt: skip
    gkernel.copy_(partial.sum(0))


def _log2_points(u: Tensor) -> int:
    return int(max(LEAST_LOG2, (2 * u.shape[2] - 1).bit_length()))


def _num_warps(log2_points: int) -> int:
    return 8 if log2_points > 10 else 4


def _roots(u: Tensor, log2_points: int) -> Tensor:
    half = 2 ** (log2_points - 1)
    roots = u.new_empty((half, 2), dtype=torch.float32)
    launch(_make_roots, (-(-half // 256),), roots, N=2 * half, BLOCK=256)
    return roots


def _convolve_inside(u: Tensor, kernel: Tensor, y: Tensor, log2_points: int, correlate: bool) -> None:
    batch, features, length = u.shape
    launch(
        _convolve, (features, -(-batch // (2 * PAIRS))), u.contiguous(), kernel.float().contiguous(),
        _roots(u, log2_points), y, batch, features, length, CORRELATE=correlate, LOG2N=log2_points, PAIRS=PAIRS,
        num_warps=_num_warps(log2_points),
    )  # fmt: skip


def _convolved(u: Tensor, kernel: Tensor, conjugate: bool) -> Tensor:
    left, right = spectrum(u), spectrum(kernel)
    product = torch.empty_like(left)
    count = left.numel() // 2
    grid = (-(-count // 1024),)
    launch(_multiply, grid, left, right, product, right.numel() // 2, count, CONJUGATE=conjugate, BLOCK=1024)
    return signal_of(product, u.shape[2])


def _correlated(gy: Tensor, u: Tensor) -> Tensor:
    left, right = spectrum(gy), spectrum(u)
    summed = left.new_empty(left.shape[1:])
    per_row = summed.numel() // 2
    launch(_multiply_and_sum, (-(-per_row // 256),), left, right, summed, u.shape[0], per_row, BLOCK=256)
    return signal_of(summed, u.shape[2])


long_conv = Operator("long_conv_triton", allocate=allocate, forward=forward, backward=backward, check=check_arguments)
