"""`infini_memory` as CUDA kernels: a block takes a part of a segment's tokens, by tiles in shared memory."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from harness.kernels.cuda.sources import Argument, CudaSource
from harness.kernels.operators import Operator
from harness_infini.cuda_sources import SHARED
from harness_infini.cuts import Cut
from harness_infini.infini_memory.op import check_arguments
from harness_infini.infini_memory.passes import allocate, backward, forward
from harness_infini.rows import check_widths, with_equal_strides

SOURCE = CudaSource(__package__, "infini_memory.cu", after=SHARED)
THREADS = 256
KINDS = {torch.float32: 0, torch.float16: 1, torch.bfloat16: 2}
"""How a kernel is told of which type rows are."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A head's width, padded, and how many tokens a block takes at once."""

    width: int
    tokens: int

    def __str__(self) -> str:
        return f"<{self.width}, {self.tokens}>"

    def shared_bytes(self, num_tiles: int, num_matrices: int = 0) -> int:
        """Room for tiles of tokens and for matrices as wide as heads, each with one number more a row."""
        return 4 * (num_tiles * self.tokens + num_matrices * self.width) * (self.width + 1)


def tile(q: Tensor, v: Tensor) -> Tile:
    """The tile of heads of these widths, such that two of it and a matrix fit into 99 KiB."""
    return Tile(64, 64) if max(q.shape[3], v.shape[3]) <= 64 else Tile(128, 32)


def strides(*tensors: Tensor) -> list[Argument]:
    """Of batch, head and row."""
    return [ctypes.c_int64(stride) for x in tensors for stride in x.stride()[:3]]


class CudaLaunches:
    """`passes.Launches` in CUDA."""

    def read(self, q: Tensor, states: Tensor, A_mem: Tensor) -> None:
        batch, heads, length, d_key = q.shape
        (q,) = with_equal_strides(q)
        used = tile(q, A_mem)
        SOURCE.launch(
            f"read_states{used}",
            grid=(batch * heads * -(-length // used.tokens),),
            block=(THREADS,),
            arguments=[q, KINDS[q.dtype], states, A_mem, *strides(q), heads, length, d_key, A_mem.shape[3]],
            shared_bytes=used.shared_bytes(1, 1),
        )

    def sum_writes(self, k: Tensor, v: Tensor, states: Tensor | None, parts: Tensor, cut: Cut) -> None:
        launch_sum_writes(k, v, states, parts, 1, cut)

    def backward_reads(self, q: Tensor, gA: Tensor, states: Tensor, gq: Tensor, parts: Tensor, cut: Cut) -> None:
        launch_backward_reads(q, gA, None, None, states, gq, None, parts, None, cut)

    def backward_writes(
        self, k: Tensor, v: Tensor, states: Tensor, gstates: Tensor, gk: Tensor, gv: Tensor, parts: Tensor | None,
        cut: Cut,
    ) -> None:  # fmt: skip
        (k,), (v,) = with_equal_strides(k), with_equal_strides(v)
        used = tile(k, v)
        num_states = k.shape[0] * k.shape[1]
        tensors = [k, v, KINDS[k.dtype], states, gstates, gk, gv, parts, *strides(k, v)]
        sizes = [k.shape[1], cut.length, cut.num_parts, cut.part_length, num_states, k.shape[3], v.shape[3]]
        SOURCE.launch(
            f"backward_writes{used}",
            grid=(num_states * cut.num_parts,),
            block=(THREADS,),
            arguments=[*tensors, *sizes],
            shared_bytes=used.shared_bytes(2, 1),
        )


def launch_sum_writes(k: Tensor, v: Tensor, states: Tensor | None, parts: Tensor, num_segments: int, cut: Cut) -> None:
    """Sum up what the first segments write."""
    (k,), (v,) = with_equal_strides(k), with_equal_strides(v)
    used = tile(k, v)
    num_states = k.shape[0] * k.shape[1] * num_segments
    SOURCE.launch(
        f"sum_writes{used}",
        grid=(num_states * cut.num_parts,),
        block=(THREADS,),
        arguments=[
            k, v, KINDS[k.dtype], states, parts, *strides(k, v), k.shape[1], cut.length, cut.segment_length,
            num_segments, cut.num_parts, cut.part_length, num_states, k.shape[3], v.shape[3],
        ],
        shared_bytes=used.shared_bytes(2, 0 if states is None else 1),
    )  # fmt: skip


def launch_backward_reads(
    q: Tensor, gy: Tensor, A_dot: Tensor | None, beta: Tensor | None, states: Tensor, gq: Tensor, dots: Tensor | None,
    parts: Tensor, gbeta: Tensor | None, cut: Cut,
) -> None:  # fmt: skip
    """The gradients of reads, with those of the gate where there is one."""
    (q,) = with_equal_strides(q)
    used = tile(q, gy)
    num_sequences = q.shape[0] * q.shape[1]
    SOURCE.launch(
        f"backward_reads{used}",
        grid=(num_sequences * cut.num_segments * cut.num_parts,),
        block=(THREADS,),
        arguments=[
            q, gy, A_dot, beta, KINDS[q.dtype], states, gq, dots, parts, gbeta, *strides(q), q.shape[1], cut.length,
            cut.segment_length, cut.num_segments, cut.num_parts, cut.part_length,
            num_sequences * (cut.num_segments - (beta is not None)), q.shape[3], gy.shape[3],
        ],
        shared_bytes=used.shared_bytes(2, 1),
    )  # fmt: skip


def check(q: Tensor, k: Tensor, v: Tensor, M: Tensor, z: Tensor, memory: str) -> None:
    check_arguments(q, k, v, M, z, memory)
    check_widths("infini_memory.cuda", q, v)


infini_memory = Operator(
    "infini_memory_cuda",
    allocate=allocate,
    forward=partial(forward, CudaLaunches()),
    backward=partial(backward, CudaLaunches()),
    check=check,
    num_outputs=3,
)
