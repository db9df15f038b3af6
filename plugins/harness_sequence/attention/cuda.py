"""`attention` as CUDA kernels: FlashAttention with products on the tensor cores where the dtype has 16 bits."""

from __future__ import annotations

import ctypes
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from harness.errors import UnsupportedError
from harness.kernels.cuda.sources import CudaSource
from harness.kernels.cuda.types import TYPES
from harness.kernels.operators import Operator
from harness_sequence.attention.op import check_arguments

SOURCE = CudaSource(__package__, "attention.cu")
THREADS = 128
WIDTHS = (16, 32, 64, 96, 128)
"""What a row of a head is padded to, in shared memory and registers only."""
LANES_PER_ROW = 8
"""Of `prepare`."""
RECORD_BYTES = {torch.float32: 16, torch.float16: 8, torch.bfloat16: 8}
"""Of `Record` in attention.cu."""
TILES = {
    ("forward", 2): ((2, 64), (2, 64)),
    ("forward", 4): ((2, 32), (1, 32)),
    ("keys", 2): ((2, 32), (1, 64)),
    ("keys", 4): ((1, 32), (1, 16)),
    ("queries", 2): ((2, 48), (2, 32)),
    ("queries", 4): ((1, 32), (1, 16)),
}
"""Of a walk in a dtype of so many bytes: tiles of 16 rows that a warp owns, columns of a step; to width 64 and beyond.

Chosen such that nothing spills on sm_80, sm_90 and sm_100, two blocks fit a multiprocessor of sm_90, and one that of
every device since sm_80.
"""


@dataclass(frozen=True, slots=True)
class Tiling:
    """Template parameters of a kernel; as text, such as `64, 2, 32`."""

    width: int
    row_tiles: int
    columns: int

    @property
    def rows(self) -> int:
        """Of a block."""
        return 16 * self.row_tiles * (THREADS // 32)

    def __str__(self) -> str:
        return f"{self.width}, {self.row_tiles}, {self.columns}"


class _Strides(ctypes.Structure):
    _fields_ = (("batch", ctypes.c_int64), ("head", ctypes.c_int64), ("row", ctypes.c_int64))


class _Problem(ctypes.Structure):
    """The same layout as `Problem` in attention.cu."""

    _fields_ = (
        *((name, _Strides) for name in ("q", "k", "v")),
        *((name, ctypes.c_int) for name in ("heads", "group", "queries", "keys", "d_key", "d_value")),
        *((name, ctypes.c_int) for name in ("before", "after")),
        *((name, ctypes.c_float) for name in ("scale", "gradient_scale")),
    )


def check(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> None:
    check_arguments(q, k, v, causal, window)
    if q.dtype not in (torch.float32, torch.float16, torch.bfloat16):
        raise UnsupportedError(
            f"attention.cuda takes float32, float16 and bfloat16; q is {q.dtype}; use kernel=attention.torch"
        )
    if max(q.shape[3], v.shape[3]) > WIDTHS[-1]:
        raise UnsupportedError(
            f"attention.cuda keeps rows of at most {WIDTHS[-1]} elements in registers; q has {q.shape[3]} and v "
            f"{v.shape[3]}; use kernel=attention.torch"
        )


def allocate(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None) -> tuple[Tensor, Tensor]:
    """The output, and each query's largest scaled score with the sum of exponentials relative to it."""
    rows = q.shape[:3]
    return q.new_empty((*rows, v.shape[3])), q.new_empty((*rows, 2), dtype=torch.float32)


def forward(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None, output: Tensor, statistics: Tensor
) -> None:
    scale = 1 / math.sqrt(q.shape[3])
    q, k, v = (_whole_pieces(x) for x in (q, k, v))
    padded = _padded_like(output)
    tiling = _tiling("forward", q, v)
    SOURCE.launch(
        f"forward<{TYPES[q.dtype]}, {tiling}>",
        grid=(_num_blocks(q, tiling.rows),),
        block=(THREADS,),
        arguments=[q, k, v, padded, statistics, _describe(q, k, v, causal, window, scale)],
        shared_bytes=(tiling.rows + 4 * tiling.columns) * tiling.width * q.element_size(),
    )
    _unpad(padded, output)


def backward(
    q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None,
    output: Tensor, statistics: Tensor, go: Tensor, gq: Tensor, gk: Tensor, gv: Tensor,
) -> None:  # fmt: skip
    scale = 1 / math.sqrt(q.shape[3])
    q, k, v, output, go = (_whole_pieces(x) for x in (q, k, v, output, go))
    records = _prepare(output, go, statistics)
    padded = [_padded_like(gradient) for gradient in (gq, gk, gv)]
    problem = _describe(q, k, v, causal, window, scale)
    for rows_of, is_key in ((k, True), (q, False)):
        tiling = _tiling("keys" if is_key else "queries", q, v)
        tiles = (2 * tiling.rows + 4 * tiling.columns) * tiling.width * q.element_size()
        SOURCE.launch(
            f"backward<{TYPES[q.dtype]}, {tiling}, {str(is_key).lower()}>",
            grid=(_num_blocks(rows_of, tiling.rows),),
            block=(THREADS,),
            arguments=[q, k, v, go, records, *padded, problem],
            shared_bytes=tiles + 2 * tiling.columns * RECORD_BYTES[q.dtype] * is_key,
        )
    for gradient, found in zip((gq, gk, gv), padded, strict=True):
        _unpad(found, gradient)


def _prepare(output: Tensor, go: Tensor, statistics: Tensor) -> Tensor:
    """What the backward pass wants to know of each query: see `Record` in attention.cu."""
    batch, heads, queries, width = output.shape
    numbers = RECORD_BYTES[output.dtype] // 4
    records = output.new_empty((batch, heads, queries + queries % 2, numbers), dtype=torch.float32)
    SOURCE.launch(
        f"prepare<{TYPES[output.dtype]}>",
        grid=(-(-records.numel() // numbers * LANES_PER_ROW // THREADS),),
        block=(THREADS,),
        arguments=[output, go, statistics, records, batch * heads, queries, width],
    )
    return records


def _whole_pieces(x: Tensor) -> Tensor:
    """The tensor with rows of whole pieces of 16 bytes, at multiples of 16 bytes; a copy where it is not so."""
    piece = 16 // x.element_size()
    if missing := -x.shape[3] % piece:
        return F.pad(x, (0, missing))
    places = (*x.stride()[:3], x.storage_offset())
    if x.stride(3) == 1 and all(place % piece == 0 for place in places):
        return x
    return x.clone(memory_format=torch.contiguous_format)


def _padded_like(result: Tensor) -> Tensor:
    """Where a kernel writes rows of whole pieces: the result itself if it has such."""
    missing = -result.shape[3] % (16 // result.element_size())
    return result.new_empty((*result.shape[:3], result.shape[3] + missing)) if missing else result


def _unpad(padded: Tensor, result: Tensor) -> None:
    if padded is not result:
        result.copy_(padded[..., : result.shape[3]])


def _tiling(walk: str, q: Tensor, v: Tensor) -> Tiling:
    width = next(width for width in WIDTHS if width >= max(q.shape[3], v.shape[3]))
    return Tiling(width, *TILES[walk, q.element_size()][width > 64])


def _num_blocks(rows_of: Tensor, rows: int) -> int:
    batch, heads, length, _ = rows_of.shape
    return batch * heads * -(-length // rows)


def _describe(q: Tensor, k: Tensor, v: Tensor, causal: bool, window: int | None, scale: float) -> _Problem:
    _, heads, queries, d_key = q.shape
    keys = k.shape[2]
    # No query and key are farther apart than the larger length.
    reach = max(queries, keys) if window is None else min(window - 1, max(queries, keys))
    return _Problem(
        *(_Strides(*x.stride()[:3]) for x in (q, k, v)),
        heads, heads // k.shape[1], queries, keys, d_key, v.shape[3],
        reach, 0 if causal else reach,
        math.log2(math.e) * scale, scale,
    )  # fmt: skip


attention = Operator(
    "attention_cuda",
    allocate=allocate,
    forward=forward,
    backward=backward,
    check=check,
    saves_outputs=True,
)
