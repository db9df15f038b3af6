"""`infini_memory` as Triton kernels: a program takes a part of a segment's tokens, by blocks.

Letters as in `reference`; a state is M and behind it z, as one row of d_key * d_value + d_key numbers. The sums of
writes and the gradients of reads serve `infini_attention` too, where each segment has a state.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.kernels.operators import Operator
from harness.kernels.triton.launching import launch
from harness_infini.cuts import Cut
from harness_infini.infini_memory.op import check_arguments
from harness_infini.infini_memory.passes import allocate, backward, forward
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
    read_gradient,
    slope,
    store_rows,
    store_vector,
    write_gradients,
)


@triton.jit
def sum_writes(
    K, V, STATES, PARTS, stride_kb, stride_kh, stride_kt, stride_vb, stride_vh, stride_vt,
    H, L, segment_length, num_segments, num_parts, part_length, num_states, DELTA: tl.constexpr,
    DK: tl.constexpr, DV: tl.constexpr, BT: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr, BC: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """What each part adds to M and z; delta corrects by what the segment's state returns."""
    size: tl.constexpr = DK * DV + DK
    bh, segment, part, first, end = place(tl.program_id(0), num_segments, num_parts, part_length, segment_length, L)
    b, h = bh // H, bh % H
    K += b * stride_kb + h * stride_kh
    V += b * stride_vb + h * stride_vh
    PARTS += (part * num_states + bh * num_segments + segment) * size
    if DELTA:
        STATES += (bh * num_segments + segment) * size
        z = load_vector(STATES + DK * DV, DK, BK)
    sum_m = tl.zeros((BK, BV), tl.float32)
    sum_z = tl.zeros((BK,), tl.float32)
    for t0 in range(first, end, BT):
        row = t0 + tl.arange(0, BT)
        features = load_features(K, stride_kt, row, end, DK, BK)
        v = load_rows(V, stride_vt, row, end, DV, BV).to(tl.float32)
        if DELTA:
            v -= multiply(features, STATES, DK, DV, BK, BV, BC, PRECISION) * inverse_weights(features, z)[:, None]
        sum_m = tl.dot(tl.trans(features), v, sum_m, input_precision=PRECISION)
        sum_z += tl.sum(features, axis=0)
    store_rows(PARTS, sum_m, DV, tl.arange(0, BK), DK, DV, BV)
    store_vector(PARTS + DK * DV, sum_z, DK, BK)


@triton.jit
def _read(
    Q, STATES, A, stride_qb, stride_qh, stride_qt, H, L,
    DK: tl.constexpr, DV: tl.constexpr, BT: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr, BC: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    num_blocks = tl.cdiv(L, BT)
    bh = (tl.program_id(0) // num_blocks).to(tl.int64)
    row = tl.program_id(0) % num_blocks * BT + tl.arange(0, BT)
    STATES += bh * (DK * DV + DK)
    features = load_features(Q + bh // H * stride_qb + bh % H * stride_qh, stride_qt, row, L, DK, BK)
    inverse = inverse_weights(features, load_vector(STATES + DK * DV, DK, BK))
    found = multiply(features, STATES, DK, DV, BK, BV, BC, PRECISION) * inverse[:, None]
    store_rows(A + bh * L * DV, found, DV, row, L, DV, BV)


@triton.jit
def backward_reads(
    Q, GY, A_DOT, BETA, STATES, GQ, DOTS, PARTS, GBETA, stride_qb, stride_qh, stride_qt,
    H, L, segment_length, num_segments, num_parts, part_length, num_states, GATED: tl.constexpr,
    DK: tl.constexpr, DV: tl.constexpr, BT: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr, BC: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradient of each query, and what each part adds to those of the state that it reads.

    Gated, `GY` is the gradient of gate * A_mem + (1 - gate) * A_dot: then the row sums of GY * A_dot are kept, and each
    part's share in the gradient of beta, and the first segment reads nothing.
    """
    size: tl.constexpr = DK * DV + DK
    bh, segment, part, first, end = place(tl.program_id(0), num_segments, num_parts, part_length, segment_length, L)
    b, h = bh // H, bh % H
    Q += b * stride_qb + h * stride_qh
    GY += bh * L * DV
    GQ += bh * L * DK
    gate = 1.0
    state = bh
    reads = True
    if GATED:
        gate = tl.sigmoid(tl.load(BETA + h).to(tl.float32))
        A_DOT += bh * L * DV
        state = bh * (num_segments - 1) + segment - 1
        reads = segment > 0
    STATES += state * size
    z = tl.zeros((BK,), tl.float32)
    if reads:
        z = load_vector(STATES + DK * DV, DK, BK)
    sum_m = tl.zeros((BK, BV), tl.float32)
    sum_z = tl.zeros((BK,), tl.float32)
    difference = tl.zeros((BT,), tl.float32)
    for t0 in range(first, end, BT):
        row = t0 + tl.arange(0, BT)
        g = load_rows(GY, DV, row, end, DV, BV).to(tl.float32)
        if GATED:
            dots = tl.sum(g * load_rows(A_DOT, DV, row, end, DV, BV).to(tl.float32), axis=1)
            tl.store(DOTS + bh * L + row, dots, mask=row < end)
            difference -= dots
        if reads:
            features = load_features(Q, stride_qt, row, end, DK, BK)
            inverse = inverse_weights(features, z)
            dot = tl.sum(g * multiply(features, STATES, DK, DV, BK, BV, BC, PRECISION) * inverse[:, None], axis=1)
            difference += dot
            g *= gate
            dot *= gate
            gq = read_gradient(g, dot, inverse, STATES, z, DK, DV, BK, BV, BC, PRECISION) * slope(features)
            store_rows(GQ, gq, DK, row, end, DK, BK)
            sum_m = tl.dot(tl.trans(features), g * inverse[:, None], sum_m, input_precision=PRECISION)
            sum_z -= tl.sum(features * (dot * inverse)[:, None], axis=0)
        else:
            store_rows(GQ, tl.zeros((BT, BK), tl.float32), DK, row, end, DK, BK)
    if GATED:
        share = tl.sum(difference, axis=0) * gate * (1.0 - gate)
        tl.store(GBETA + (bh * num_segments + segment) * num_parts + part, share)
    if reads:
        PARTS += (part * num_states + state) * size
        store_rows(PARTS, sum_m, DV, tl.arange(0, BK), DK, DV, BV)
        store_vector(PARTS + DK * DV, sum_z, DK, BK)


@triton.jit
def _backward_writes(
    K, V, STATES, GSTATES, GK, GV, PARTS, stride_kb, stride_kh, stride_kt, stride_vb, stride_vh, stride_vt,
    H, L, num_parts, part_length, num_states, DELTA: tl.constexpr,
    DK: tl.constexpr, DV: tl.constexpr, BT: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr, BC: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradients of each key and value; with delta, what each part takes from those of the state that it read."""
    size: tl.constexpr = DK * DV + DK
    bh, _, part, first, end = place(tl.program_id(0), 1, num_parts, part_length, L, L)
    b, h = bh // H, bh % H
    K += b * stride_kb + h * stride_kh
    V += b * stride_vb + h * stride_vh
    STATES += bh * size
    GSTATES += bh * size
    z = load_vector(STATES + DK * DV, DK, BK)
    gz = load_vector(GSTATES + DK * DV, DK, BK)
    sum_m = tl.zeros((BK, BV), tl.float32)
    sum_z = tl.zeros((BK,), tl.float32)
    for t0 in range(first, end, BT):
        row = t0 + tl.arange(0, BT)
        features = load_features(K, stride_kt, row, end, DK, BK)
        v = load_rows(V, stride_vt, row, end, DV, BV).to(tl.float32)
        inverse = inverse_weights(features, z)
        gv, g, dot = write_gradients(
            features, v, inverse, STATES, z, GSTATES, gz, DELTA, DK, DV, BK, BV, BC, PRECISION
        )  # fmt: skip
        store_rows(GV + bh * L * DV, gv, DV, row, L, DV, BV)
        store_rows(GK + bh * L * DK, g * slope(features), DK, row, L, DK, BK)
        if DELTA:
            sum_m -= tl.dot(tl.trans(features), gv * inverse[:, None], input_precision=PRECISION)
            sum_z += tl.sum(features * (dot * inverse)[:, None], axis=0)
    if DELTA:
        PARTS += (part * num_states + bh) * size
        store_rows(PARTS, sum_m, DV, tl.arange(0, BK), DK, DV, BV)
        store_vector(PARTS + DK * DV, sum_z, DK, BK)


@dataclass(frozen=True, slots=True)
class Blocks:
    """How many tokens a program takes at once, by how many warps in how many stages."""

    tokens: int
    num_warps: int
    num_stages: int


# By the widest head, padded. Products of float32 run outside the tensor cores and want small blocks, and gradients keep
# more of them at once than sums do.
SUMS = {
    "half": {16: Blocks(64, 4, 2), 32: Blocks(64, 4, 2), 64: Blocks(64, 4, 2), 128: Blocks(32, 8, 1)},
    "single": {16: Blocks(32, 4, 2), 32: Blocks(32, 4, 2), 64: Blocks(32, 8, 1), 128: Blocks(16, 8, 1)},
}
GRADIENTS = {
    "half": {16: Blocks(64, 4, 1), 32: Blocks(64, 4, 1), 64: Blocks(32, 8, 2), 128: Blocks(32, 8, 1)},
    "single": {16: Blocks(32, 4, 1), 32: Blocks(32, 4, 1), 64: Blocks(32, 8, 1), 128: Blocks(16, 8, 1)},
}


def constants(table: dict[str, dict[int, Blocks]], q: Tensor, v: Tensor) -> dict[str, Any]:
    """Those of a kernel that takes blocks of tokens with heads as wide as those of `q` and `v`."""
    used = table["single" if q.dtype == torch.float32 else "half"][max(padded(q), padded(v))]
    return {
        "DK": q.shape[3], "DV": v.shape[3], "BT": used.tokens, "BK": padded(q), "BV": padded(v), "BC": piece(q, v),
        "PRECISION": precision(q), "num_warps": used.num_warps, "num_stages": used.num_stages,
    }  # fmt: skip


class TritonLaunches:
    """`passes.Launches` in Triton."""

    def read(self, q: Tensor, states: Tensor, A_mem: Tensor) -> None:
        batch, heads, length, _ = q.shape
        (q,) = with_equal_strides(q)
        used = constants(GRADIENTS, q, A_mem)
        num_programs = batch * heads * -(-length // used["BT"])
        launch(_read, (num_programs,), q, states, A_mem, *q.stride()[:3], heads, length, **used)

    def sum_writes(self, k: Tensor, v: Tensor, states: Tensor | None, parts: Tensor, cut: Cut) -> None:
        launch_sum_writes(k, v, states, parts, 1, cut)

    def backward_reads(self, q: Tensor, gA: Tensor, states: Tensor, gq: Tensor, parts: Tensor, cut: Cut) -> None:
        launch_backward_reads(q, gA, None, None, states, gq, None, parts, None, cut)

    def backward_writes(
        self, k: Tensor, v: Tensor, states: Tensor, gstates: Tensor, gk: Tensor, gv: Tensor, parts: Tensor | None,
        cut: Cut,
    ) -> None:  # fmt: skip
        (k,), (v,) = with_equal_strides(k), with_equal_strides(v)
        num_states = k.shape[0] * k.shape[1]
        launch(
            _backward_writes, (num_states * cut.num_parts,), k, v, states, gstates, gk, gv, parts, *k.stride()[:3],
            *v.stride()[:3], k.shape[1], cut.length, cut.num_parts, cut.part_length, num_states,
            DELTA=parts is not None, **constants(GRADIENTS, k, v),
        )  # fmt: skip


def launch_sum_writes(k: Tensor, v: Tensor, states: Tensor | None, parts: Tensor, num_segments: int, cut: Cut) -> None:
    """Sum up what the first segments write."""
    (k,), (v,) = with_equal_strides(k), with_equal_strides(v)
    num_states = k.shape[0] * k.shape[1] * num_segments
    launch(
        sum_writes, (num_states * cut.num_parts,), k, v, states, parts, *k.stride()[:3], *v.stride()[:3], k.shape[1],
        cut.length, cut.segment_length, num_segments, cut.num_parts, cut.part_length, num_states,
        DELTA=states is not None, **constants(SUMS, k, v),
    )  # fmt: skip


def launch_backward_reads(
    q: Tensor, gy: Tensor, A_dot: Tensor | None, beta: Tensor | None, states: Tensor, gq: Tensor, dots: Tensor | None,
    parts: Tensor, gbeta: Tensor | None, cut: Cut,
) -> None:  # fmt: skip
    """The gradients of reads, with those of the gate where there is one."""
    (q,) = with_equal_strides(q)
    num_sequences = q.shape[0] * q.shape[1]
    is_gated = beta is not None
    launch(
        backward_reads, (num_sequences * cut.num_segments * cut.num_parts,), q, gy, A_dot, beta, states, gq, dots,
        parts, gbeta, *q.stride()[:3], q.shape[1], cut.length, cut.segment_length, cut.num_segments, cut.num_parts,
        cut.part_length, num_sequences * (cut.num_segments - is_gated), GATED=is_gated, **constants(GRADIENTS, q, gy),
    )  # fmt: skip


def check(q: Tensor, k: Tensor, v: Tensor, M: Tensor, z: Tensor, memory: str) -> None:
    check_arguments(q, k, v, M, z, memory)
    check_widths("infini_memory.triton", q, v)


infini_memory = Operator(
    "infini_memory_triton",
    allocate=allocate,
    forward=partial(forward, TritonLaunches()),
    backward=partial(backward, TritonLaunches()),
    check=check,
    num_outputs=3,
)
