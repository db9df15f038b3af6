"""`infini_attention` as CUDA kernels: all writes at once, states by running sums, then all else in one pass."""

from __future__ import annotations

import math
from functools import partial

from torch import Tensor

from harness.kernels.cuda.sources import Argument, CudaSource
from harness.kernels.operators import Operator
from harness_infini.cuda_sources import SHARED
from harness_infini.cuts import Cut
from harness_infini.infini_attention.op import check_arguments
from harness_infini.infini_attention.passes import allocate, backward, forward
from harness_infini.infini_memory.cuda import (
    KINDS,
    THREADS,
    launch_backward_reads,
    launch_sum_writes,
    strides,
    tile,
)
from harness_infini.rows import check_widths, with_equal_strides

ATTENTION = CudaSource(__package__, "infini_attention.cu", after=SHARED)
STATES = CudaSource(__package__, "states.cu", after=SHARED)
WALKED = 16
"""Columns of values that a block walks with."""


class CudaLaunches:
    """`passes.Launches` in CUDA."""

    def sum_writes(self, k: Tensor, v: Tensor, parts: Tensor, cut: Cut) -> None:
        launch_sum_writes(k, v, None, parts, cut.num_segments - 1, cut)

    def correlate(self, k: Tensor, states: Tensor, parts: Tensor, cut: Cut) -> None:
        self._launch_middle("correlate", k, [states, parts], cut)

    def correct(self, k: Tensor, states: Tensor, gstates: Tensor, parts: Tensor, cut: Cut) -> None:
        self._launch_middle("correct", k, [states, gstates, parts], cut)

    def _launch_middle(self, entry: str, k: Tensor, rest: list[Tensor], cut: Cut) -> None:
        """Start a kernel for the segments that read a state and are written: all but the first and the last."""
        (k,) = with_equal_strides(k)
        num_segments = cut.num_segments - 2
        num_all = k.shape[0] * k.shape[1] * num_segments
        d_key = k.shape[3]
        d_value = rest[0].shape[3] // d_key - 1
        used = tile(k, rest[0].new_empty((0, 0, 0, d_value)))
        STATES.launch(
            f"{entry}{used}",
            grid=(num_all * cut.num_parts,),
            block=(THREADS,),
            arguments=[
                k[:, :, cut.segment_length :], KINDS[k.dtype], *rest, *strides(k), k.shape[1],
                cut.length - cut.segment_length, cut.segment_length, num_segments, cut.num_parts, cut.part_length,
                num_all, d_key, d_value,
            ],
            shared_bytes=used.shared_bytes(2) if entry == "correlate" else used.shared_bytes(1, 1),
        )  # fmt: skip

    def scan(self, x: Tensor, sums: Tensor, reverse: bool) -> None:
        batch, heads, num_states, width = x.shape
        STATES.launch(
            "scan",
            grid=(batch * heads * -(-width // THREADS),),
            block=(THREADS,),
            arguments=[x, sums, num_states, *strides(x)[2:], *strides(sums)[2:], width, reverse],
        )

    def walk(self, x: Tensor, C: Tensor, states: Tensor, d_value: int, reverse: bool) -> None:
        batch, heads, num_states, size = x.shape
        d_key = size // (d_value + 1)
        STATES.launch(
            f"walk<{64 if d_key <= 64 else 128}>",
            grid=(batch * heads * -(-d_value // WALKED),),
            block=(THREADS,),
            arguments=[x, C, states, num_states, d_key, d_value, reverse],
        )

    def attend(
        self, local_q: Tensor, local_k: Tensor, q: Tensor, v: Tensor, beta: Tensor, states: Tensor, mixed: Tensor,
        A_dot: Tensor, log_sums: Tensor, cut: Cut,
    ) -> None:  # fmt: skip
        local_q, local_k = with_equal_strides(local_q, local_k)
        (q,), (v,) = with_equal_strides(q), with_equal_strides(v)
        width, queries, keys = _tiles(q, v, "queries")
        tensors = [local_q, local_k, q, v, beta.float(), KINDS[q.dtype], states, mixed, A_dot, log_sums]
        shared = max((queries + keys) * (width + 1) + queries * (keys + 1), (queries + width) * (width + 1))
        ATTENTION.launch(
            f"attend<{width}, {queries}, {keys}>",
            grid=_grid(q, queries, cut),
            block=(THREADS,),
            arguments=[*tensors, *strides(local_q, q, v), *_sizes(q, cut), _scale(q), q.shape[3], v.shape[3]],
            shared_bytes=4 * shared,
        )

    def backward_reads(
        self, q: Tensor, gy: Tensor, A_dot: Tensor, beta: Tensor, states: Tensor, gq: Tensor, dots: Tensor,
        parts: Tensor, gbeta: Tensor, cut: Cut,
    ) -> None:  # fmt: skip
        launch_backward_reads(q, gy, A_dot, beta.float(), states, gq, dots, parts, gbeta, cut)

    def backward_queries(
        self, local_q: Tensor, local_k: Tensor, v: Tensor, beta: Tensor, log_sums: Tensor, dots: Tensor, gy: Tensor,
        glocal_q: Tensor, cut: Cut,
    ) -> None:  # fmt: skip
        local_q, local_k = with_equal_strides(local_q, local_k)
        (v,) = with_equal_strides(v)
        width, queries, keys = _tiles(local_q, v, "queries")
        tensors = [local_q, local_k, v, beta.float(), KINDS[v.dtype], log_sums, dots, gy, glocal_q]
        scales = [_scale(local_q), 1 / math.sqrt(local_q.shape[3])]
        ATTENTION.launch(
            f"backward_queries<{width}, {queries}, {keys}>",
            grid=_grid(v, queries, cut),
            block=(THREADS,),
            arguments=[
                *tensors, *strides(local_q, v), *_sizes(v, cut), *scales, local_q.shape[3], v.shape[3],
            ],
            shared_bytes=4 * ((2 * queries + keys) * (width + 1) + queries * (keys + 1)),
        )  # fmt: skip

    def backward_keys(
        self, local_q: Tensor, local_k: Tensor, k: Tensor, v: Tensor, beta: Tensor, log_sums: Tensor, dots: Tensor,
        states: Tensor, gstates: Tensor, gy: Tensor, glocal_k: Tensor, gk: Tensor, gv: Tensor, is_delta: bool, cut: Cut,
    ) -> None:  # fmt: skip
        local_q, local_k = with_equal_strides(local_q, local_k)
        (k,), (v,) = with_equal_strides(k), with_equal_strides(v)
        width, queries, keys = _tiles(k, v, "keys")
        tensors = [local_q, local_k, k, v, beta.float(), KINDS[v.dtype], log_sums, dots, states, gstates, gy]
        scales = [_scale(k), 1 / math.sqrt(k.shape[3])]
        walking = (2 * keys + queries) * (width + 1) + queries * (keys + 1)
        ATTENTION.launch(
            f"backward_keys<{width}, {queries}, {keys}>",
            grid=_grid(k, keys, cut),
            block=(THREADS,),
            arguments=[
                *tensors, glocal_k, gk, gv, *strides(local_q, k, v), *_sizes(k, cut), *scales, is_delta, k.shape[3],
                v.shape[3],
            ],
            shared_bytes=4 * max(walking, (2 * keys + width) * (width + 1)),
        )  # fmt: skip


def _tiles(q: Tensor, v: Tensor, owned: str) -> tuple[int, int, int]:
    """A head's width, padded, and tokens of the tiles of queries and of keys, of which a block owns one."""
    if max(q.shape[3], v.shape[3]) <= 64:
        return 64, 64, 64
    return (128, 32, 64) if owned == "queries" else (128, 64, 32)


def _grid(rows: Tensor, block: int, cut: Cut) -> tuple[int]:
    """A block for each tile of each segment."""
    return (rows.shape[0] * rows.shape[1] * cut.num_segments * -(-cut.segment_length // block),)


def _sizes(rows: Tensor, cut: Cut) -> list[Argument]:
    return [rows.shape[1], cut.length, cut.segment_length, cut.num_segments]


def _scale(q: Tensor) -> float:
    """What scores are multiplied by, to base 2."""
    return math.log2(math.e) / math.sqrt(q.shape[3])


def check(
    local_q: Tensor, local_k: Tensor, q: Tensor, k: Tensor, v: Tensor, beta: Tensor, segment_length: int, memory: str
) -> None:
    check_arguments(local_q, local_k, q, k, v, beta, segment_length, memory)
    check_widths("infini_attention.cuda", q, v)


infini_attention = Operator(
    "infini_attention_cuda",
    allocate=allocate,
    forward=partial(forward, CudaLaunches()),
    backward=partial(backward, CudaLaunches()),
    check=check,
)
