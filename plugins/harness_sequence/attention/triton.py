"""`attention` as Triton kernels: a block of queries walks over blocks of keys and never keeps a score.

Letters as in FlashAttention-2 (Dao 2023): S scores, P their softmax, m a row's largest score, Z the sum of its
exponentials (there l), LSE its log-sum-exp (there L), OUT the output, DELTA the row sums of dO * O (there D). Scores
are scaled by log2(e), so that exponentials and logarithms have base 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.errors import UnsupportedError
from harness.kernels.operators import Operator
from harness.kernels.triton.launching import launch
from harness_sequence.attention.op import check_arguments

WIDEST = 128
FARTHEST = 2**24
"""How far apart rows may lie for offsets inside of a tile, which has at most 128 of them, to fit 32 bits."""
START = tl.constexpr(-1e30)
"""Below every score. It is finite, so that a row that sees nothing in a block has no difference of two infinities."""


@triton.jit
def _blocks(first, last, before, after, count, BLOCK: tl.constexpr):
    """Where the walk of the positions first..last begins, where all of them see all, until where, and where it ends."""
    end = tl.minimum(tl.maximum(last + after + 1, 0), count)
    end = tl.cdiv(end, BLOCK) * BLOCK
    begin = tl.minimum(tl.maximum(first - before, 0) // BLOCK * BLOCK, end)
    inner = tl.cdiv(tl.maximum(last - before, 0), BLOCK) * BLOCK
    inner = tl.minimum(tl.maximum(inner, begin), end)
    inner_end = tl.minimum(tl.maximum(first + after + 1, 0), count) // BLOCK * BLOCK
    return begin, inner, tl.maximum(inner_end, inner), end


@triton.jit
def _tile(
    X, stride, first, num_rows, WIDTH: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr, MASKED: tl.constexpr
):
    """Rows of a matrix from the first on, with zeros beyond its edges: [ROWS, BLOCK]."""
    i, d = tl.arange(0, ROWS), tl.arange(0, BLOCK)
    # Only the first row is far away, so that inside of a tile 32 bits do; `_launch` sees to it.
    at = X + tl.cast(first, tl.int64) * stride + (i[:, None] * stride + d[None, :])
    if MASKED:
        return tl.load(at, mask=(first + i < num_rows)[:, None] & (d < WIDTH)[None, :], other=0.0)
    if WIDTH != BLOCK:
        return tl.load(at, mask=(d < WIDTH)[None, :], other=0.0)
    return tl.load(at)


@triton.jit
def _keep(X, x, stride, first, num_rows, WIDTH: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr):
    """Store rows of a matrix from the first on, as far as it reaches."""
    i, d = tl.arange(0, ROWS), tl.arange(0, BLOCK)
    at = X + tl.cast(first, tl.int64) * stride + (i[:, None] * stride + d[None, :])
    tl.store(at, x.to(X.dtype.element_ty), mask=(first + i < num_rows)[:, None] & (d < WIDTH)[None, :])


@triton.jit
def _attend(
    acc, m, Z, q, K, V, stride_k, stride_v, lowest, highest, begin, end, LK, scale,
    DK: tl.constexpr, DV: tl.constexpr, MASKED: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr,
):  # fmt: skip
    for n0 in range(begin, end, BN):
        n = n0 + tl.arange(0, BN)
        k = _tile(K, stride_k, n0, LK, DK, BN, BK, MASKED)
        S = tl.dot(q, tl.trans(k), input_precision="ieee")
        if MASKED:
            S = tl.where((n[None, :] >= lowest[:, None]) & (n[None, :] <= highest[:, None]), S, float("-inf"))
        m_new = tl.maximum(m, tl.max(S, axis=1) * scale)
        P = tl.exp2(S * scale - m_new[:, None])
        shrink = tl.exp2(m - m_new)
        Z = Z * shrink + tl.sum(P, axis=1)
        v = _tile(V, stride_v, n0, LK, DV, BN, BV, MASKED)
        acc = tl.dot(P.to(v.dtype), v, acc * shrink[:, None], input_precision="ieee")
        m = m_new
    return acc, m, Z


@triton.jit
def _forward(
    Q, K, V, OUT, LSE,
    stride_qb, stride_qh, stride_qm, stride_kb, stride_kh, stride_kn, stride_vb, stride_vh, stride_vn,
    H, GROUP, LQ, LK, before, after, scale,
    DK: tl.constexpr, DV: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr,
    UNIT: tl.constexpr,
):  # fmt: skip
    num_m = tl.cdiv(LQ, BM)
    # The last queries see most keys where attention is causal: what takes longest starts first.
    m0 = (num_m - 1 - tl.program_id(0) % num_m) * BM
    bh = (tl.program_id(0) // num_m).to(tl.int64)
    b, h = bh // H, bh % H
    K += (b * stride_kb + h // GROUP * stride_kh) * UNIT
    V += (b * stride_vb + h // GROUP * stride_vh) * UNIT
    row = m0 + tl.arange(0, BM)
    q = _tile(Q + (b * stride_qb + h * stride_qh) * UNIT, stride_qm * UNIT, m0, LQ, DK, BM, BK, True)
    acc = tl.zeros((BM, BV), tl.float32)
    m = tl.full((BM,), START, tl.float32)
    Z = tl.zeros((BM,), tl.float32)
    first = m0 + LK - LQ
    lowest = row + (LK - LQ) - before
    highest = tl.minimum(row + (LK - LQ) + after, LK - 1)
    begin, inner, inner_end, end = _blocks(first, first + BM - 1, before, after, LK, BN)
    acc, m, Z = _attend(
        acc, m, Z, q, K, V, stride_kn * UNIT, stride_vn * UNIT, lowest, highest, begin, inner, LK, scale,
        DK, DV, True, BN, BK, BV,
    )  # fmt: skip
    acc, m, Z = _attend(
        acc, m, Z, q, K, V, stride_kn * UNIT, stride_vn * UNIT, lowest, highest, inner, inner_end, LK, scale,
        DK, DV, False, BN, BK, BV,
    )  # fmt: skip
    acc, m, Z = _attend(
        acc, m, Z, q, K, V, stride_kn * UNIT, stride_vn * UNIT, lowest, highest, inner_end, end, LK, scale,
        DK, DV, True, BN, BK, BV,
    )  # fmt: skip
    # Rows beyond the last query may have seen nothing.
    Z = tl.where(row < LQ, Z, 1.0)
    _keep(OUT + bh * LQ * DV, acc / Z[:, None], DV, m0, LQ, DV, BM, BV)
    tl.store(LSE + bh * LQ + row, m + tl.log2(Z), mask=row < LQ)


@triton.jit
def _row_sums(OUT, DO, DELTA, num_rows, DV: tl.constexpr, BM: tl.constexpr, BV: tl.constexpr):
    first = tl.program_id(0).to(tl.int64) * BM
    row = first + tl.arange(0, BM)
    o = _tile(OUT, DV, first, num_rows, DV, BM, BV, True).to(tl.float32)
    do = _tile(DO, DV, first, num_rows, DV, BM, BV, True).to(tl.float32)
    tl.store(DELTA + row, tl.sum(o * do, axis=1), mask=row < num_rows)


@triton.jit
def _gather_keys(
    dk, dv, k, v, Q, DO, LSE, DELTA, stride_qh, stride_qm, GROUP, lowest, highest, begin, end, LQ, scale,
    DK: tl.constexpr, DV: tl.constexpr, MASKED: tl.constexpr, BM: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr,
):  # fmt: skip
    # One loop for the heads of the group too: nested ones take more registers than there are.
    for step in range((end - begin) // BM * GROUP):
        head = tl.cast(step % GROUP, tl.int64)
        m0 = begin + step // GROUP * BM
        row = m0 + tl.arange(0, BM)
        q = _tile(Q + head * stride_qh, stride_qm, m0, LQ, DK, BM, BK, MASKED)
        do = _tile(DO + head * LQ * DV, DV, m0, LQ, DV, BM, BV, MASKED)
        if MASKED:
            lse = tl.load(LSE + head * LQ + row, mask=row < LQ, other=0.0)
            delta = tl.load(DELTA + head * LQ + row, mask=row < LQ, other=0.0)
        else:
            lse = tl.load(LSE + head * LQ + row)
            delta = tl.load(DELTA + head * LQ + row)
        # Transposed, so that P and dS are left operands of the products that follow.
        P = tl.exp2(tl.dot(k, tl.trans(q), input_precision="ieee") * scale - lse[None, :])  # [BN, BM]
        if MASKED:
            P = tl.where((row[None, :] >= lowest[:, None]) & (row[None, :] <= highest[:, None]), P, 0.0)
        dv = tl.dot(P.to(do.dtype), do, dv, input_precision="ieee")
        dS = P * (tl.dot(v, tl.trans(do), input_precision="ieee") - delta[None, :])
        dk = tl.dot(dS.to(q.dtype), q, dk, input_precision="ieee")
    return dk, dv


@triton.jit
def _backward_keys(
    Q, K, V, DO, LSE, DELTA, GK, GV,
    stride_qb, stride_qh, stride_qm, stride_kb, stride_kh, stride_kn, stride_vb, stride_vh, stride_vn,
    H, GROUP, LQ, LK, before, after, scale, scale_k,
    DK: tl.constexpr, DV: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr,
    UNIT: tl.constexpr,
):  # fmt: skip
    num_n = tl.cdiv(LK, BN)
    n0 = tl.program_id(0) % num_n * BN
    bh = (tl.program_id(0) // num_n).to(tl.int64)
    b, h = bh // (H // GROUP), bh % (H // GROUP)
    k = _tile(K + (b * stride_kb + h * stride_kh) * UNIT, stride_kn * UNIT, n0, LK, DK, BN, BK, True)
    v = _tile(V + (b * stride_vb + h * stride_vh) * UNIT, stride_vn * UNIT, n0, LK, DV, BN, BV, True)
    dk = tl.zeros((BN, BK), tl.float32)
    dv = tl.zeros((BN, BV), tl.float32)
    Q += (b * stride_qb + h * GROUP * stride_qh) * UNIT
    rows = bh * GROUP * LQ
    DO += rows * DV
    LSE += rows
    DELTA += rows
    # Seen from a key, what lies before a query lies after it.
    first = n0 - (LK - LQ)
    lowest = first + tl.arange(0, BN) - after
    highest = tl.minimum(first + tl.arange(0, BN) + before, LQ - 1)
    begin, inner, inner_end, end = _blocks(first, first + BN - 1, after, before, LQ, BM)
    dk, dv = _gather_keys(
        dk, dv, k, v, Q, DO, LSE, DELTA, stride_qh * UNIT, stride_qm * UNIT, GROUP, lowest, highest,
        begin, inner, LQ, scale, DK, DV, True, BM, BK, BV,
    )  # fmt: skip
    dk, dv = _gather_keys(
        dk, dv, k, v, Q, DO, LSE, DELTA, stride_qh * UNIT, stride_qm * UNIT, GROUP, lowest, highest,
        inner, inner_end, LQ, scale, DK, DV, False, BM, BK, BV,
    )  # fmt: skip
    dk, dv = _gather_keys(
        dk, dv, k, v, Q, DO, LSE, DELTA, stride_qh * UNIT, stride_qm * UNIT, GROUP, lowest, highest,
        inner_end, end, LQ, scale, DK, DV, True, BM, BK, BV,
    )  # fmt: skip
    _keep(GK + bh * LK * DK, dk * scale_k, DK, n0, LK, DK, BN, BK)
    _keep(GV + bh * LK * DV, dv, DV, n0, LK, DV, BN, BV)


@triton.jit
def _gather_queries(
    dq, q, do, lse, delta, K, V, stride_k, stride_v, lowest, highest, begin, end, LK, scale,
    DK: tl.constexpr, DV: tl.constexpr, MASKED: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr,
):  # fmt: skip
    for n0 in range(begin, end, BN):
        n = n0 + tl.arange(0, BN)
        k = _tile(K, stride_k, n0, LK, DK, BN, BK, MASKED)
        v = _tile(V, stride_v, n0, LK, DV, BN, BV, MASKED)
        P = tl.exp2(tl.dot(q, tl.trans(k), input_precision="ieee") * scale - lse[:, None])  # [BM, BN]
        if MASKED:
            P = tl.where((n[None, :] >= lowest[:, None]) & (n[None, :] <= highest[:, None]), P, 0.0)
        dS = P * (tl.dot(do, tl.trans(v), input_precision="ieee") - delta[:, None])
        dq = tl.dot(dS.to(k.dtype), k, dq, input_precision="ieee")
    return dq


@triton.jit
def _backward_queries(
    Q, K, V, DO, LSE, DELTA, GQ,
    stride_qb, stride_qh, stride_qm, stride_kb, stride_kh, stride_kn, stride_vb, stride_vh, stride_vn,
    H, GROUP, LQ, LK, before, after, scale, scale_q,
    DK: tl.constexpr, DV: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr,
    UNIT: tl.constexpr,
):  # fmt: skip
    num_m = tl.cdiv(LQ, BM)
    m0 = (num_m - 1 - tl.program_id(0) % num_m) * BM
    bh = (tl.program_id(0) // num_m).to(tl.int64)
    b, h = bh // H, bh % H
    K += (b * stride_kb + h // GROUP * stride_kh) * UNIT
    V += (b * stride_vb + h // GROUP * stride_vh) * UNIT
    row = m0 + tl.arange(0, BM)
    q = _tile(Q + (b * stride_qb + h * stride_qh) * UNIT, stride_qm * UNIT, m0, LQ, DK, BM, BK, True)
    do = _tile(DO + bh * LQ * DV, DV, m0, LQ, DV, BM, BV, True)
    lse = tl.load(LSE + bh * LQ + row, mask=row < LQ, other=0.0)
    delta = tl.load(DELTA + bh * LQ + row, mask=row < LQ, other=0.0)
    dq = tl.zeros((BM, BK), tl.float32)
    first = m0 + LK - LQ
    lowest = row + (LK - LQ) - before
    highest = tl.minimum(row + (LK - LQ) + after, LK - 1)
    begin, inner, inner_end, end = _blocks(first, first + BM - 1, before, after, LK, BN)
    dq = _gather_queries(
        dq, q, do, lse, delta, K, V, stride_kn * UNIT, stride_vn * UNIT, lowest, highest, begin, inner, LK, scale,
        DK, DV, True, BN, BK, BV,
    )  # fmt: skip
    dq = _gather_queries(
        dq, q, do, lse, delta, K, V, stride_kn * UNIT, stride_vn * UNIT, lowest, highest, inner, inner_end, LK, scale,
        DK, DV, False, BN, BK, BV,
    )  # fmt: skip
    dq = _gather_queries(
        dq, q, do, lse, delta, K, V, stride_kn * UNIT, stride_vn * UNIT, lowest, highest, inner_end, end, LK, scale,
        DK, DV, True, BN, BK, BV,
    )  # fmt: skip
    _keep(GQ + bh * LQ * DK, dq * scale_q, DK, m0, LQ, DK, BM, BK)


@dataclass(frozen=True, slots=True)
class Blocks:
    """How many queries and keys a program takes at once, and by how many warps in how many stages."""

    queries: int
    keys: int
    num_warps: int
    num_stages: int


# By what a head's width is padded to. Products of float32 run outside the tensor cores and want small blocks.
HALF = {
    "forward": {32: Blocks(128, 64, 8, 3), 64: Blocks(128, 64, 8, 3), 128: Blocks(128, 64, 8, 2)},
    "keys": {32: Blocks(64, 128, 8, 2), 64: Blocks(64, 128, 8, 2), 128: Blocks(32, 128, 8, 2)},
    "queries": {32: Blocks(128, 64, 8, 2), 64: Blocks(128, 32, 8, 2), 128: Blocks(128, 32, 8, 2)},
}
SINGLE = {
    "forward": {32: Blocks(64, 32, 8, 2), 64: Blocks(64, 32, 8, 2), 128: Blocks(32, 16, 8, 2)},
    "keys": {32: Blocks(32, 64, 8, 2), 64: Blocks(16, 32, 4, 2), 128: Blocks(16, 32, 8, 2)},
    "queries": {32: Blocks(64, 32, 8, 2), 64: Blocks(32, 32, 8, 2), 128: Blocks(32, 16, 8, 2)},
}


def blocks(part: str, q: Tensor, v: Tensor) -> Blocks:
    """The blocks of a pass over heads of these widths."""
    width = max(32, triton.next_power_of_2(max(q.shape[3], v.shape[3])))
    return (SINGLE if q.dtype == torch.float32 else HALF)[part][width]


def check(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> None:
    check_arguments(q, k, v, causal, window)
    if max(q.shape[3], v.shape[3]) > WIDEST or q.dtype == torch.float64:
        raise UnsupportedError(
            f"attention.triton takes heads of at most {WIDEST} numbers of 16 or 32 bits; d_key={q.shape[3]}, "
            f"d_value={v.shape[3]}, {q.dtype}; use kernel=attention.torch"
        )


def allocate(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> tuple[Tensor, Tensor]:
    """The output, and each row's log-sum-exp in base 2."""
    return q.new_empty((*q.shape[:3], v.shape[3])), q.new_empty(q.shape[:3], dtype=torch.float32)


def forward(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None, output: Tensor, log_sums: Tensor
) -> None:
    used = blocks("forward", q, v)
    num_programs = triton.cdiv(q.shape[2], used.queries) * q.shape[0] * q.shape[1]
    _launch(_forward, num_programs, used, [q, k, v], [output, log_sums], causal, window)


def backward(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None, output: Tensor, log_sums: Tensor, do: Tensor,
    gq: Tensor, gk: Tensor, gv: Tensor,
) -> None:  # fmt: skip
    delta = torch.empty_like(log_sums)
    d_value, padded = v.shape[3], _padded(v)
    rows = 4096 // padded
    grid = (triton.cdiv(delta.numel(), rows),)
    launch(_row_sums, grid, output, do, delta, delta.numel(), DV=d_value, BM=rows, BV=padded)
    scale = 1 / math.sqrt(q.shape[3])
    rest = [do, log_sums, delta]
    used = blocks("keys", q, v)
    num_programs = triton.cdiv(k.shape[2], used.keys) * k.shape[0] * k.shape[1]
    _launch(_backward_keys, num_programs, used, [q, k, v], [*rest, gk, gv], causal, window, scale)
    used = blocks("queries", q, v)
    num_programs = triton.cdiv(q.shape[2], used.queries) * q.shape[0] * q.shape[1]
    _launch(_backward_queries, num_programs, used, [q, k, v], [*rest, gq], causal, window, scale)


def _padded(x: Tensor) -> int:
    """What the tensor cores take at least, and a power of two."""
    return max(16, triton.next_power_of_2(x.shape[3]))


def _launch(
    kernel, num_programs: int, used: Blocks, inputs: list[Tensor], rest: list[Tensor], causal: bool,
    window: int | None, *scales: float,
) -> None:  # fmt: skip
    q, k, v = inputs = [x if x.stride(3) == 1 and x.stride(2) < FARTHEST else x.contiguous() for x in inputs]
    num_queries, num_keys = q.shape[2], k.shape[2]
    before = num_keys + num_queries if window is None else min(window, num_keys) - 1
    strides = [stride for x in inputs for stride in x.stride()[:3]]
    # The compiler is told of multiples of 16 numbers by itself. What are only multiples of 16 bytes, as in heads of 40
    # half-precision numbers, is counted in these, or it would read number by number.
    bytes_16 = 16 // q.element_size()
    is_known = all(stride % 16 == 0 for stride in strides)
    unit = bytes_16 if not is_known and all(stride % bytes_16 == 0 for stride in strides) else 1
    strides = [stride // unit for stride in strides]
    launch(
        kernel, (num_programs,), *inputs, *rest, *strides, q.shape[1], q.shape[1] // k.shape[1], num_queries, num_keys,
        before, 0 if causal else before, math.log2(math.e) / math.sqrt(q.shape[3]), *scales,
        num_warps=used.num_warps, num_stages=used.num_stages, DK=q.shape[3], DV=v.shape[3], BM=used.queries,
        BN=used.keys, BK=_padded(q), BV=_padded(v), UNIT=unit,
    )  # fmt: skip


attention = Operator(
    "attention_triton", allocate=allocate, forward=forward, backward=backward, check=check, saves_outputs=True
)
