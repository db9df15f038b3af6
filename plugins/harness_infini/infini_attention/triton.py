"""`infini_attention` as Triton kernels: all writes at once, states by running sums, then all else in one pass.

Letters as in `reference` and `passes`; of attention as in FlashAttention-2 (Dao 2023): S the scores, P their softmax, m
the largest score of a row. Scores are scaled by log2(e), so that exponentials and logarithms have base 2. Gradients of
scores leave out the factor 1 - gate, which the sums over them get at the end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.kernels.operators import Operator
from harness.kernels.triton.launching import TritonKernel, launch
from harness_infini.cuts import Cut
from harness_infini.infini_attention.op import check_arguments
from harness_infini.infini_attention.passes import allocate, backward, forward
from harness_infini.infini_memory.triton import SUMS, constants, launch_backward_reads, launch_sum_writes
from harness_infini.rows import check_widths, with_equal_strides
from harness_infini.triton_blocks import (
    inverse_weights,
    load_features,
    load_rows,
    load_vector,
    multiply,
    padded,
    piece,
    place,
    precision,
    slope,
    store_rows,
    store_vector,
    write_gradients,
)

START = tl.constexpr(-1e30)
"""Below every score, and finite: rows beyond a segment's end have no difference of two infinities."""
SCANNED = 2048
"""Numbers that a program adds up at once: of up to 8 states, some of each."""
WALKED = 16
"""Columns of values that a program walks with."""


@triton.jit
def _correlate(
    K, STATES, PARTS, stride_kb, stride_kh, stride_kt, H, L, segment_length, num_segments, num_parts, part_length,
    num_all, DK: tl.constexpr, DV: tl.constexpr, BT: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr, BC: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """C of each part. `K` starts at the second segment, which reads the first of num_segments + 1 states."""
    bh, segment, part, first, end = place(tl.program_id(0), num_segments, num_parts, part_length, segment_length, L)
    K += bh // H * stride_kb + bh % H * stride_kh
    STATES += (bh * (num_segments + 1) + segment) * (DK * DV + DK)
    z = load_vector(STATES + DK * DV, DK, BK)
    total = tl.zeros((BK, BK), tl.float32)
    for t0 in range(first, end, BT):
        features = load_features(K, stride_kt, t0 + tl.arange(0, BT), end, DK, BK)
        weighted = features * inverse_weights(features, z)[:, None]
        total = tl.dot(tl.trans(features), weighted, total, input_precision=PRECISION)
    PARTS += (part * num_all + bh * num_segments + segment) * DK * DK
    store_rows(PARTS, total, DK, tl.arange(0, BK), DK, DK, BK)


@triton.jit
def _correct(
    K, STATES, GSTATES, PARTS, stride_kb, stride_kh, stride_kt, H, L, segment_length, num_segments, num_parts,
    part_length, num_all, DK: tl.constexpr, DV: tl.constexpr, BT: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr,
    BC: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """sum sigma(k) (u r) / w of each part; segments and `K` as in `_correlate`."""
    size: tl.constexpr = DK * DV + DK
    bh, segment, part, first, end = place(tl.program_id(0), num_segments, num_parts, part_length, segment_length, L)
    K += bh // H * stride_kb + bh % H * stride_kh
    STATES += (bh * (num_segments + 1) + segment) * size
    GSTATES += (bh * (num_segments + 1) + segment + 1) * size
    z = load_vector(STATES + DK * DV, DK, BK)
    total = tl.zeros((BK,), tl.float32)
    for t0 in range(first, end, BT):
        features = load_features(K, stride_kt, t0 + tl.arange(0, BT), end, DK, BK)
        inverse = inverse_weights(features, z)
        found = multiply(features, STATES, DK, DV, BK, BV, BC, PRECISION) * inverse[:, None]
        dot = tl.sum(multiply(features, GSTATES, DK, DV, BK, BV, BC, PRECISION) * found, axis=1)
        total += tl.sum(features * (dot * inverse)[:, None], axis=0)
    store_vector(PARTS + (part * num_all + bh * num_segments + segment) * DK, total, DK, BK)


@triton.jit
def _scan(X, Y, num_states, stride_x, stride_y, width, REVERSE: tl.constexpr, BN: tl.constexpr, BE: tl.constexpr):
    """Running sums of rows: [num_states, width] of each sequence."""
    num_blocks = tl.cdiv(width, BE)
    bh = (tl.program_id(0) // num_blocks).to(tl.int64)
    column = tl.program_id(0) % num_blocks * BE + tl.arange(0, BE)
    total = tl.zeros((BE,), tl.float32)
    num_walks = tl.cdiv(num_states, BN)
    for step in range(num_walks):
        walk = step
        if REVERSE:
            walk = num_walks - 1 - step
        n = walk * BN + tl.arange(0, BN)
        inside = (n < num_states)[:, None] & (column < width)[None, :]
        row = bh * num_states + n
        x = tl.load(X + row[:, None] * stride_x + column[None, :], mask=inside, other=0.0)
        y = tl.cumsum(x, axis=0, reverse=REVERSE) + total[None, :]
        tl.store(Y + row[:, None] * stride_y + column[None, :], y, mask=inside)
        total += tl.sum(x, axis=0)


@triton.jit
def _walk(
    X, C, STATES, num_states, REVERSE: tl.constexpr, DK: tl.constexpr, DV: tl.constexpr, BK: tl.constexpr,
    BC: tl.constexpr,
):  # fmt: skip
    """Y_i = X_i + Y - C Y, where Y is that of the state before, or behind; a program has some columns of values."""
    size: tl.constexpr = DK * DV + DK
    num_blocks: tl.constexpr = (DV + BC - 1) // BC
    bh = (tl.program_id(0) // num_blocks).to(tl.int64)
    column = tl.program_id(0) % num_blocks * BC + tl.arange(0, BC)
    row = tl.arange(0, BK)
    inside = (row < DK)[:, None] & (column < DV)[None, :]
    at = row[:, None] * DV + column[None, :]
    y = tl.zeros((BK, BC), tl.float32)
    for step in range(num_states):
        state = step
        between = bh * (num_states - 1) + step - 1
        if REVERSE:
            state = num_states - 1 - step
            between = bh * (num_states - 1) + state
        state = bh * num_states + state
        if step > 0:
            c = load_rows(C + between * DK * DK, DK, row, DK, DK, BK)
            # As good as float32 here, and within registers, which its products outside the tensor cores exceed.
            y -= tl.dot(c, y, input_precision="tf32x3")
        y += tl.load(X + state * size + at, mask=inside, other=0.0)
        tl.store(STATES + state * size + at, y, mask=inside)


@triton.jit
def _attend_blocks(
    acc, m, total, q, K, V, stride_k, stride_v, row, begin, end, last, scale, MASKED: tl.constexpr,
    DK: tl.constexpr, DV: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr,
):  # fmt: skip
    for n0 in range(begin, end, BN):
        n = n0 + tl.arange(0, BN)
        k = load_rows(K, stride_k, n, last, DK, BK)
        S = tl.dot(q, tl.trans(k), input_precision="ieee")
        if MASKED:
            S = tl.where(n[None, :] <= row[:, None], S, float("-inf"))
        m_new = tl.maximum(m, tl.max(S, axis=1) * scale)
        P = tl.exp2(S * scale - m_new[:, None])
        shrink = tl.exp2(m - m_new)
        total = total * shrink + tl.sum(P, axis=1)
        v = load_rows(V, stride_v, n, last, DV, BV)
        acc = tl.dot(P.to(v.dtype), v, acc * shrink[:, None], input_precision="ieee")
        m = m_new
    return acc, m, total


@triton.jit
def _attend(
    LQ, LK, Q, V, BETA, STATES, MIXED, A_DOT, LSE, stride_lb, stride_lh, stride_lt, stride_qb, stride_qh, stride_qt,
    stride_vb, stride_vh, stride_vt, H, L, segment_length, num_segments, scale, DK: tl.constexpr, DV: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr, BC: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    num_blocks = tl.cdiv(segment_length, BM)
    # The last queries of a segment see most keys: what takes longest starts first.
    block = num_blocks - 1 - tl.program_id(0) // num_segments % num_blocks
    segment = tl.program_id(0) % num_segments
    bh = (tl.program_id(0) // num_segments // num_blocks).to(tl.int64)
    b, h = bh // H, bh % H
    first = segment * segment_length
    last = tl.minimum(first + segment_length, L)
    begin = first + block * BM
    # The last segment may end before this block.
    if begin >= last:
        return
    row = begin + tl.arange(0, BM)
    local = b * stride_lb + h * stride_lh
    V += b * stride_vb + h * stride_vh
    local_q = load_rows(LQ + local, stride_lt, row, last, DK, BK)
    acc = tl.zeros((BM, BV), tl.float32)
    m = tl.full((BM,), START, tl.float32)
    total = tl.zeros((BM,), tl.float32)
    acc, m, total = _attend_blocks(
        acc, m, total, local_q, LK + local, V, stride_lt, stride_vt, row, first, begin, last, scale, False,
        DK, DV, BN, BK, BV,
    )  # fmt: skip
    acc, m, total = _attend_blocks(
        acc, m, total, local_q, LK + local, V, stride_lt, stride_vt, row, begin, tl.minimum(begin + BM, last), last,
        scale, True, DK, DV, BN, BK, BV,
    )  # fmt: skip
    acc = acc / total[:, None]
    tl.store(LSE + bh * L + row, m + tl.log2(total), mask=row < last)
    store_rows(A_DOT + bh * L * DV, acc, DV, row, last, DV, BV)
    gate = tl.sigmoid(tl.load(BETA + h).to(tl.float32))
    mixed = (1.0 - gate) * acc
    if segment > 0:
        STATES += (bh * (num_segments - 1) + segment - 1) * (DK * DV + DK)
        features = load_features(Q + b * stride_qb + h * stride_qh, stride_qt, row, last, DK, BK)
        inverse = inverse_weights(features, load_vector(STATES + DK * DV, DK, BK))
        mixed += gate * multiply(features, STATES, DK, DV, BK, BV, BC, PRECISION) * inverse[:, None]
    store_rows(MIXED + bh * L * DV, mixed, DV, row, last, DV, BV)


@triton.jit
def _gather_queries(
    gq, q, g, lse, dots, K, V, stride_k, stride_v, row, begin, end, last, scale, MASKED: tl.constexpr,
    DK: tl.constexpr, DV: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr,
):  # fmt: skip
    for n0 in range(begin, end, BN):
        n = n0 + tl.arange(0, BN)
        k = load_rows(K, stride_k, n, last, DK, BK)
        v = load_rows(V, stride_v, n, last, DV, BV)
        P = tl.exp2(tl.dot(q, tl.trans(k), input_precision="ieee") * scale - lse[:, None])
        if MASKED:
            P = tl.where(n[None, :] <= row[:, None], P, 0.0)
        gS = P * (tl.dot(g, tl.trans(v), input_precision="ieee") - dots[:, None])
        gq = tl.dot(gS.to(k.dtype), k, gq, input_precision="ieee")
    return gq


@triton.jit
def _backward_queries(
    LQ, LK, V, BETA, LSE, DOTS, GY, GLQ, stride_lb, stride_lh, stride_lt, stride_vb, stride_vh, stride_vt,
    H, L, segment_length, num_segments, scale, scale_q, DK: tl.constexpr, DV: tl.constexpr,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr,
):  # fmt: skip
    num_blocks = tl.cdiv(segment_length, BM)
    block = num_blocks - 1 - tl.program_id(0) // num_segments % num_blocks
    segment = tl.program_id(0) % num_segments
    bh = (tl.program_id(0) // num_segments // num_blocks).to(tl.int64)
    b, h = bh // H, bh % H
    first = segment * segment_length
    last = tl.minimum(first + segment_length, L)
    begin = first + block * BM
    # The last segment may end before this block.
    if begin >= last:
        return
    row = begin + tl.arange(0, BM)
    local = b * stride_lb + h * stride_lh
    V += b * stride_vb + h * stride_vh
    q = load_rows(LQ + local, stride_lt, row, last, DK, BK)
    g = load_rows(GY + bh * L * DV, DV, row, last, DV, BV)
    lse = tl.load(LSE + bh * L + row, mask=row < last, other=0.0)
    dots = tl.load(DOTS + bh * L + row, mask=row < last, other=0.0)
    gq = tl.zeros((BM, BK), tl.float32)
    gq = _gather_queries(
        gq,
        q,
        g,
        lse,
        dots,
        LK + local,
        V,
        stride_lt,
        stride_vt,
        row,
        first,
        begin,
        last,
        scale,
        False,
        DK,
        DV,
        BN,
        BK,
        BV,
    )
    gq = _gather_queries(
        gq, q, g, lse, dots, LK + local, V, stride_lt, stride_vt, row, begin, tl.minimum(begin + BM, last), last, scale,
        True, DK, DV, BN, BK, BV,
    )  # fmt: skip
    gate = tl.sigmoid(tl.load(BETA + h).to(tl.float32))
    store_rows(GLQ + bh * L * DK, gq * (scale_q * (1.0 - gate)), DK, row, last, DK, BK)


@triton.jit
def _gather_keys(
    gk, gv, k, v, Q, GY, LSE, DOTS, stride_q, key, begin, end, last, scale, MASKED: tl.constexpr,
    DK: tl.constexpr, DV: tl.constexpr, BM: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr,
):  # fmt: skip
    for m0 in range(begin, end, BM):
        row = m0 + tl.arange(0, BM)
        q = load_rows(Q, stride_q, row, last, DK, BK)
        g = load_rows(GY, DV, row, last, DV, BV)
        # Rows beyond the end have no gradient; their P is 1.
        lse = tl.load(LSE + row, mask=row < last, other=0.0)
        dots = tl.load(DOTS + row, mask=row < last, other=0.0)
        # Transposed, so that P and its gradient are left operands of the products that follow.
        P = tl.exp2(tl.dot(k, tl.trans(q), input_precision="ieee") * scale - lse[None, :])
        if MASKED:
            P = tl.where(key[:, None] <= row[None, :], P, 0.0)
        gv = tl.dot(P.to(g.dtype), g, gv, input_precision="ieee")
        gS = P * (tl.dot(v, tl.trans(g), input_precision="ieee") - dots[None, :])
        gk = tl.dot(gS.to(q.dtype), q, gk, input_precision="ieee")
    return gk, gv


@triton.jit
def _backward_keys(
    LQ, LK, K, V, BETA, LSE, DOTS, STATES, GSTATES, GY, GLK, GK, GV, stride_lb, stride_lh, stride_lt,
    stride_kb, stride_kh, stride_kt, stride_vb, stride_vh, stride_vt, H, L, segment_length, num_segments, scale,
    scale_q, DELTA: tl.constexpr, DK: tl.constexpr, DV: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr,
    BK: tl.constexpr, BV: tl.constexpr, BC: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    num_blocks = tl.cdiv(segment_length, BN)
    # The first keys of a segment are seen by most queries.
    block = tl.program_id(0) // num_segments % num_blocks
    segment = tl.program_id(0) % num_segments
    bh = (tl.program_id(0) // num_segments // num_blocks).to(tl.int64)
    b, h = bh // H, bh % H
    first = segment * segment_length
    last = tl.minimum(first + segment_length, L)
    begin = first + block * BN
    # The last segment may end before this block.
    if begin >= last:
        return
    key = begin + tl.arange(0, BN)
    local = b * stride_lb + h * stride_lh
    V += b * stride_vb + h * stride_vh
    k = load_rows(LK + local, stride_lt, key, last, DK, BK)
    v = load_rows(V, stride_vt, key, last, DV, BV)
    GY += bh * L * DV
    LSE += bh * L
    DOTS += bh * L
    gk = tl.zeros((BN, BK), tl.float32)
    gv = tl.zeros((BN, BV), tl.float32)
    edge = tl.minimum(begin + BN, last)
    gk, gv = _gather_keys(
        gk, gv, k, v, LQ + local, GY, LSE, DOTS, stride_lt, key, begin, edge, last, scale, True, DK, DV, BM, BK, BV
    )
    gk, gv = _gather_keys(
        gk, gv, k, v, LQ + local, GY, LSE, DOTS, stride_lt, key, edge, last, last, scale, False, DK, DV, BM, BK, BV
    )
    gate = tl.sigmoid(tl.load(BETA + h).to(tl.float32))
    store_rows(GLK + bh * L * DK, gk * (scale_q * (1.0 - gate)), DK, key, last, DK, BK)
    gv *= 1.0 - gate
    if segment < num_segments - 1:
        size: tl.constexpr = DK * DV + DK
        GSTATES += (bh * (num_segments - 1) + segment) * size
        # The first segment corrects nothing, as the state before it is empty.
        STATES += (bh * (num_segments - 1) + tl.maximum(segment - 1, 0)) * size
        features = load_features(K + b * stride_kb + h * stride_kh, stride_kt, key, last, DK, BK)
        z = load_vector(STATES + DK * DV, DK, BK)
        inverse = tl.where(segment > 0, inverse_weights(features, z), 0.0)
        gz = load_vector(GSTATES + DK * DV, DK, BK)
        written, gf, _ = write_gradients(
            features, v.to(tl.float32), inverse, STATES, z, GSTATES, gz, DELTA, DK, DV, BK, BV, BC, PRECISION
        )
        gv += written
        store_rows(GK + bh * L * DK, gf * slope(features), DK, key, last, DK, BK)
    else:
        store_rows(GK + bh * L * DK, tl.zeros((BN, BK), tl.float32), DK, key, last, DK, BK)
    store_rows(GV + bh * L * DV, gv, DV, key, last, DV, BV)


@dataclass(frozen=True, slots=True)
class Blocks:
    """How many queries and keys a program takes at once, and by how many warps in how many stages."""

    queries: int
    keys: int
    num_warps: int
    num_stages: int


# By the widest head, padded. Products of float32 run outside the tensor cores and want small blocks.
HALF = {
    "attend": {32: Blocks(128, 64, 8, 3), 64: Blocks(128, 64, 8, 3), 128: Blocks(128, 64, 8, 2)},
    "queries": {32: Blocks(128, 64, 8, 2), 64: Blocks(128, 64, 8, 2), 128: Blocks(64, 64, 8, 2)},
    "keys": {32: Blocks(32, 64, 8, 2), 64: Blocks(32, 64, 8, 2), 128: Blocks(64, 64, 8, 1)},
}
SINGLE = {
    "attend": {32: Blocks(64, 32, 4, 2), 64: Blocks(64, 32, 8, 1), 128: Blocks(32, 32, 8, 1)},
    "queries": {32: Blocks(64, 32, 4, 2), 64: Blocks(32, 32, 4, 2), 128: Blocks(32, 16, 4, 2)},
    "keys": {32: Blocks(32, 64, 4, 2), 64: Blocks(16, 32, 4, 1), 128: Blocks(16, 16, 8, 1)},
}


def blocks(part: str, q: Tensor, v: Tensor, cut: Cut) -> Blocks:
    """The blocks of a pass over heads of these widths; a short segment needs no long ones."""
    width = max(32, padded(q), padded(v))
    used = (SINGLE if q.dtype == torch.float32 else HALF)[part][width]
    longest = max(16, triton.next_power_of_2(cut.segment_length))
    return replace(used, queries=min(used.queries, longest), keys=min(used.keys, longest))


def scales(q: Tensor) -> tuple[float, float]:
    """What scores are multiplied by, to base 2 and to base e."""
    scale = 1 / math.sqrt(q.shape[3])
    return scale * math.log2(math.e), scale


class TritonLaunches:
    """`passes.Launches` in Triton."""

    def sum_writes(self, k: Tensor, v: Tensor, parts: Tensor, cut: Cut) -> None:
        launch_sum_writes(k, v, None, parts, cut.num_segments - 1, cut)

    def correlate(self, k: Tensor, states: Tensor, parts: Tensor, cut: Cut) -> None:
        self._launch_middle(_correlate, k, [states, parts], states, cut)

    def correct(self, k: Tensor, states: Tensor, gstates: Tensor, parts: Tensor, cut: Cut) -> None:
        self._launch_middle(_correct, k, [states, gstates, parts], states, cut)

    def _launch_middle(self, kernel: TritonKernel, k: Tensor, rest: list[Tensor], states: Tensor, cut: Cut) -> None:
        """Start a kernel for the segments that read a state and are written: all but the first and the last."""
        (k,) = with_equal_strides(k)
        num_segments = cut.num_segments - 2
        num_all = k.shape[0] * k.shape[1] * num_segments
        behind_first = k[:, :, cut.segment_length :]
        d_value = states.shape[3] // k.shape[3] - 1
        launch(
            kernel, (num_all * cut.num_parts,), behind_first, *rest, *k.stride()[:3], k.shape[1],
            cut.length - cut.segment_length, cut.segment_length, num_segments, cut.num_parts, cut.part_length, num_all,
            **constants(SUMS, k, k[..., :1].expand(*k.shape[:3], d_value)),
        )  # fmt: skip

    def scan(self, x: Tensor, sums: Tensor, reverse: bool) -> None:
        batch, heads, num_states, width = x.shape
        at_once = min(8, triton.next_power_of_2(num_states))
        of_each = SCANNED // at_once
        launch(
            _scan, (batch * heads * -(-width // of_each),), x, sums, num_states, x.stride(2), sums.stride(2), width,
            REVERSE=reverse, BN=at_once, BE=of_each,
        )  # fmt: skip

    def walk(self, x: Tensor, C: Tensor, states: Tensor, d_value: int, reverse: bool) -> None:
        batch, heads, num_states, size = x.shape
        d_key = size // (d_value + 1)
        num_programs = batch * heads * -(-d_value // WALKED)
        launch(
            _walk, (num_programs,), x, C, states, num_states, REVERSE=reverse, DK=d_key, DV=d_value,
            BK=max(16, triton.next_power_of_2(d_key)), BC=WALKED, num_warps=4 if d_key <= 64 else 8,
        )  # fmt: skip

    def attend(
        self, local_q: Tensor, local_k: Tensor, q: Tensor, v: Tensor, beta: Tensor, states: Tensor, mixed: Tensor,
        A_dot: Tensor, log_sums: Tensor, cut: Cut,
    ) -> None:  # fmt: skip
        local_q, local_k = with_equal_strides(local_q, local_k)
        (q,), (v,) = with_equal_strides(q), with_equal_strides(v)
        used = blocks("attend", q, v, cut)
        launch(
            _attend, _grid(q, used.queries, cut), local_q, local_k, q, v, beta, states, mixed, A_dot, log_sums,
            *local_q.stride()[:3], *q.stride()[:3], *v.stride()[:3], q.shape[1], cut.length, cut.segment_length,
            cut.num_segments, scales(q)[0], BC=piece(q, v), PRECISION=precision(q), **_tiles(q, v, used),
        )  # fmt: skip

    def backward_reads(
        self, q: Tensor, gy: Tensor, A_dot: Tensor, beta: Tensor, states: Tensor, gq: Tensor, dots: Tensor,
        parts: Tensor, gbeta: Tensor, cut: Cut,
    ) -> None:  # fmt: skip
        launch_backward_reads(q, gy, A_dot, beta, states, gq, dots, parts, gbeta, cut)

    def backward_queries(
        self, local_q: Tensor, local_k: Tensor, v: Tensor, beta: Tensor, log_sums: Tensor, dots: Tensor, gy: Tensor,
        glocal_q: Tensor, cut: Cut,
    ) -> None:  # fmt: skip
        local_q, local_k = with_equal_strides(local_q, local_k)
        (v,) = with_equal_strides(v)
        used = blocks("queries", local_q, v, cut)
        launch(
            _backward_queries, _grid(v, used.queries, cut), local_q, local_k, v, beta, log_sums, dots, gy, glocal_q,
            *local_q.stride()[:3], *v.stride()[:3], v.shape[1], cut.length, cut.segment_length, cut.num_segments,
            *scales(local_q), **_tiles(local_q, v, used),
        )  # fmt: skip

    def backward_keys(
        self, local_q: Tensor, local_k: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_sums: Tensor, dots: Tensor,
        states: Tensor, gstates: Tensor, gy: Tensor, glocal_k: Tensor, gk: Tensor, gv: Tensor, is_delta: bool, cut: Cut,
    ) -> None:  # fmt: skip
        local_q, local_k = with_equal_strides(local_q, local_k)
        (k,), (v,) = with_equal_strides(k), with_equal_strides(v)
        used = blocks("keys", k, v, cut)
        launch(
            _backward_keys, _grid(k, used.keys, cut), local_q, local_k, k, v, beta, log_sums, dots, states, gstates, gy,
            glocal_k, gk, gv, *local_q.stride()[:3], *k.stride()[:3], *v.stride()[:3], k.shape[1], cut.length,
            cut.segment_length, cut.num_segments, *scales(k), DELTA=is_delta, BC=piece(k, v),
            PRECISION=precision(k),
            **_tiles(k, v, used),
        )  # fmt: skip


def _grid(rows: Tensor, block: int, cut: Cut) -> tuple[int]:
    """A program for each block of each segment."""
    return (rows.shape[0] * rows.shape[1] * cut.num_segments * -(-cut.segment_length // block),)


def _tiles(q: Tensor, v: Tensor, used: Blocks) -> dict[str, int]:
    return {
        "DK": q.shape[3], "DV": v.shape[3], "BM": used.queries, "BN": used.keys, "BK": padded(q), "BV": padded(v),
        "num_warps": used.num_warps, "num_stages": used.num_stages,
    }  # fmt: skip


def check(
    local_q: Tensor, local_k: Tensor, q: Tensor, k: Tensor, v: Tensor, beta: Tensor, segment_length: int, memory: str
) -> None:
    check_arguments(local_q, local_k, q, k, v, beta, segment_length, memory)
    check_widths("infini_attention.triton", q, v)


infini_attention = Operator(
    "infini_attention_triton",
    allocate=allocate,
    forward=partial(forward, TritonLaunches()),
    backward=partial(backward, TritonLaunches()),
    check=check,
)
