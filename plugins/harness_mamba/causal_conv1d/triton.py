"""`causal_conv1d` as a Triton kernel: a tile of times and channels, read once for each lag (the cache holds it)."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.kernels.operators import Operator
from harness.kernels.triton.launching import launch
from harness_mamba.causal_conv1d.op import check_arguments

TIMES, CHANNELS = 32, 64


@triton.jit
def _preactivation(X, W, B, t, d, valid_d, stride_t, L, D, WIDTH: tl.constexpr, HAS_BIAS: tl.constexpr):
    z = tl.zeros((t.shape[0], d.shape[0]), tl.float32)
    for lag in tl.static_range(WIDTH):
        w = tl.load(W + lag * D + d, mask=valid_d, other=0.0).to(tl.float32)
        row = t - lag
        seen = (row >= 0)[:, None] & (row < L)[:, None] & valid_d[None, :]
        x = tl.load(X + row.to(tl.int64)[:, None] * stride_t + d[None, :], mask=seen, other=0.0)
        z += w[None, :] * x.to(tl.float32)
    if HAS_BIAS:
        z += tl.load(B + d, mask=valid_d, other=0.0).to(tl.float32)[None, :]
    return z


@triton.jit
def _forward(
    X, W, B, Y, stride_b, stride_t, L, D, WIDTH: tl.constexpr, HAS_BIAS: tl.constexpr, SILU: tl.constexpr,
    BT: tl.constexpr, BD: tl.constexpr,
):  # fmt: skip
    d = tl.program_id(0) * BD + tl.arange(0, BD)
    t = tl.program_id(1) * BT + tl.arange(0, BT)
    b = tl.program_id(2).to(tl.int64)
    valid_d = d < D
    z = _preactivation(X + b * stride_b, W, B, t, d, valid_d, stride_t, L, D, WIDTH, HAS_BIAS)
    if SILU:
        z = z * tl.sigmoid(z)
    at = (b * L + t)[:, None] * D + d[None, :]
    tl.store(Y + at, z.to(Y.dtype.element_ty), mask=(t < L)[:, None] & valid_d[None, :])


@triton.jit
def _backward(
    X, W, B, GY, GX, PARTIAL, stride_b, stride_t, L, D, WIDTH: tl.constexpr, HAS_BIAS: tl.constexpr,
    SILU: tl.constexpr, BT: tl.constexpr, BD: tl.constexpr,
):  # fmt: skip
    d = tl.program_id(0) * BD + tl.arange(0, BD)
    t = tl.program_id(1) * BT + tl.arange(0, BT)
    b = tl.program_id(2).to(tl.int64)
    valid_d = d < D
    X += b * stride_b
    gx = tl.zeros((BT, BD), tl.float32)
    walk = b * tl.num_programs(1) + tl.program_id(1)
    partial = PARTIAL + walk * (WIDTH + 1) * D + d
    for lag in tl.static_range(WIDTH):
        # The gradient before the activation at t + lag, to which x_t gave weight_lag x_t.
        later = t + lag
        at = (b * L + later)[:, None] * D + d[None, :]
        gz = tl.load(GY + at, mask=(later < L)[:, None] & valid_d[None, :], other=0.0).to(tl.float32)
        if SILU:
            z = _preactivation(X, W, B, later, d, valid_d, stride_t, L, D, WIDTH, HAS_BIAS)
            s = tl.sigmoid(z)
            gz *= s * (1.0 + z * (1.0 - s))
        w = tl.load(W + lag * D + d, mask=valid_d, other=0.0).to(tl.float32)
        gx += w[None, :] * gz
        seen = (t < L)[:, None] & valid_d[None, :]
        x = tl.load(X + t.to(tl.int64)[:, None] * stride_t + d[None, :], mask=seen, other=0.0).to(tl.float32)
        tl.store(partial + lag * D, tl.sum(gz * x, axis=0), mask=valid_d)
        if lag == 0:
            tl.store(partial + WIDTH * D, tl.sum(gz, axis=0), mask=valid_d)
    at = (b * L + t)[:, None] * D + d[None, :]
    tl.store(GX + at, gx.to(GX.dtype.element_ty), mask=(t < L)[:, None] & valid_d[None, :])


def allocate(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool) -> Tensor:
    return x.new_empty(x.shape)


def forward(x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, y: Tensor) -> None:
    _launch(_forward, x, weight, bias, silu, [y])


def backward(
    x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, gy: Tensor, gx: Tensor, gw: Tensor, gb: Tensor | None
) -> None:
    width, channels = weight.shape
    num_walks = x.shape[0] * -(-x.shape[1] // TIMES)
    partial = x.new_empty((num_walks, width + 1, channels), dtype=torch.float32)
    _launch(_backward, x, weight, bias, silu, [gy, gx, partial])
    sums = partial.sum(0)
    gw.copy_(sums[:width])
    if gb is not None:
        gb.copy_(sums[width])


def _launch(kernel, x: Tensor, weight: Tensor, bias: Tensor | None, silu: bool, rest: list[Tensor]) -> None:
    batch, length, channels = x.shape
    x = x if x.stride(2) == 1 else x.contiguous()
    bias = None if bias is None else bias.contiguous()
    grid = (-(-channels // CHANNELS), -(-length // TIMES), batch)
    launch(
        kernel, grid, x, weight.contiguous(), bias, *rest, x.stride(0), x.stride(1), length, channels,
        WIDTH=weight.shape[0], HAS_BIAS=bias is not None, SILU=silu, BT=TIMES, BD=CHANNELS,
    )  # fmt: skip


causal_conv1d = Operator(
    "causal_conv1d_triton", allocate=allocate, forward=forward, backward=backward, check=check_arguments
)
