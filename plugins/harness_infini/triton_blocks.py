"""What the Triton kernels of both ops share: rows, features, reads of a memory, and gradients of reads and writes.

Letters as in the paper: M the memory, z the sum of written features, sigma = ELU + 1. Blocks are padded to powers of
two; what lies beyond the edges is loaded as 0. `PRECISION` is that of products with features and memories, which are
float32 whatever the rows are; `BC` is how much of a memory is loaded at once.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from harness_infini.features import SMALLEST_WEIGHT

_SMALLEST = tl.constexpr(SMALLEST_WEIGHT)


@triton.jit
def load_rows(X, stride, row, num_rows, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    """Rows of a matrix, 0 beyond its edges: [rows, BLOCK]."""
    column = tl.arange(0, BLOCK)
    at = X + row.to(tl.int64)[:, None] * stride + column[None, :]
    return tl.load(at, mask=(row < num_rows)[:, None] & (column < WIDTH)[None, :], other=0.0)


@triton.jit
def store_rows(X, x, stride, row, num_rows, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    """Store rows of a matrix as far as it reaches."""
    column = tl.arange(0, BLOCK)
    at = X + row.to(tl.int64)[:, None] * stride + column[None, :]
    tl.store(at, x.to(X.dtype.element_ty), mask=(row < num_rows)[:, None] & (column < WIDTH)[None, :])


@triton.jit
def load_vector(X, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    column = tl.arange(0, BLOCK)
    return tl.load(X + column, mask=column < WIDTH, other=0.0)


@triton.jit
def store_vector(X, x, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    column = tl.arange(0, BLOCK)
    tl.store(X + column, x, mask=column < WIDTH)


@triton.jit
def place(program, num_segments, num_parts, part_length, segment_length, L):
    """The sequence, the segment and the part of a program, and the tokens from `first` to `end` that the part has."""
    part = program % num_parts
    segment = program // num_parts % num_segments
    bh = (program // num_parts // num_segments).to(tl.int64)
    first = segment * segment_length + part * part_length
    end = tl.minimum(tl.minimum(first + part_length, (segment + 1) * segment_length), L)
    return bh, segment, part, first, end


@triton.jit
def load_features(X, stride, row, num_rows, WIDTH: tl.constexpr, BLOCK: tl.constexpr):
    """sigma of rows, 0 beyond the edges."""
    x = load_rows(X, stride, row, num_rows, WIDTH, BLOCK).to(tl.float32)
    column = tl.arange(0, BLOCK)
    features = tl.where(x > 0, x + 1.0, tl.exp(tl.minimum(x, 0.0)))
    return tl.where((row < num_rows)[:, None] & (column < WIDTH)[None, :], features, 0.0)


@triton.jit
def slope(features):
    """The derivative of sigma where it has this value."""
    return tl.minimum(features, 1.0)


@triton.jit
def inverse_weights(features, z):
    """1 / (features z), or 0 where nothing has weight: [rows]."""
    weight = tl.sum(features * z[None, :], axis=1)
    has_weight = weight >= _SMALLEST
    return tl.where(has_weight, 1.0 / tl.where(has_weight, weight, 1.0), 0.0)


@triton.jit
def columns(x, index, WIDTH: tl.constexpr):
    """The columns from index * WIDTH on, WIDTH of them: a block that lies in registers has no slices."""
    if x.shape[1] == WIDTH:
        return x
    else:  # noqa: RET505 - Triton compiles what follows a return, too
        pieces = tl.reshape(x, (x.shape[0], x.shape[1] // WIDTH, WIDTH))
        chosen = tl.arange(0, x.shape[1] // WIDTH) == index
        return tl.sum(tl.where(chosen[None, :, None], pieces, 0.0), axis=1)


@triton.jit
def multiply(
    x, M, DK: tl.constexpr, DV: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr, BC: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """x M of the matrix at `M`, BC of its rows at once: [rows, BV]."""
    total = tl.zeros((x.shape[0], BV), tl.float32)
    for i in range(BK // BC):
        m = load_rows(M, DV, i * BC + tl.arange(0, BC), DK, DV, BV)
        total = tl.dot(columns(x, i, BC), m, total, input_precision=PRECISION)
    return total


@triton.jit
def multiply_by_transposed(
    x, M, DK: tl.constexpr, DV: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr, BC: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """x M^T of the matrix at `M`, BC of its columns at once: [rows, BK]."""
    total = tl.zeros((x.shape[0], BK), tl.float32)
    row = tl.arange(0, BK)
    for i in range(BV // BC):
        column = i * BC + tl.arange(0, BC)
        inside = (row < DK)[None, :] & (column < DV)[:, None]
        m = tl.load(M + row[None, :] * DV + column[:, None], mask=inside, other=0.0)  # [BC, BK]
        total = tl.dot(columns(x, i, BC), m, total, input_precision=PRECISION)
    return total


@triton.jit
def read_gradient(
    g, dot, inverse, M, z, DK: tl.constexpr, DV: tl.constexpr, BK: tl.constexpr, BV: tl.constexpr, BC: tl.constexpr,
    PRECISION: tl.constexpr,
):  # fmt: skip
    """The gradient of features whose read has the gradient `g`; `dot` are the row sums of g * read: [rows, BK]."""
    of_totals = multiply_by_transposed(g, M, DK, DV, BK, BV, BC, PRECISION)
    return (of_totals - dot[:, None] * z[None, :]) * inverse[:, None]


@triton.jit
def write_gradients(
    features, v, inverse, M, z, GM, gz, DELTA: tl.constexpr, DK: tl.constexpr, DV: tl.constexpr, BK: tl.constexpr,
    BV: tl.constexpr, BC: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Of tokens written to a memory whose new state has the gradient `GM`, `gz`: the gradients of values and of
    features, and row sums of the former times what delta reads."""
    gv = multiply(features, GM, DK, DV, BK, BV, BC, PRECISION)
    dot = tl.zeros_like(inverse)
    of_reads = tl.zeros_like(features)
    if DELTA:
        found = multiply(features, M, DK, DV, BK, BV, BC, PRECISION) * inverse[:, None]
        v -= found
        dot = tl.sum(gv * found, axis=1)
        of_reads = read_gradient(gv, dot, inverse, M, z, DK, DV, BK, BV, BC, PRECISION)
    g = multiply_by_transposed(v, GM, DK, DV, BK, BV, BC, PRECISION) + gz[None, :] - of_reads
    return gv, g, dot


def precision(rows: Tensor) -> str:
    """Of products with features and memories, such that they add little to the rounding of the rows themselves."""
    return {torch.float32: "ieee", torch.float16: "tf32x3", torch.bfloat16: "tf32"}[rows.dtype]


def padded(x: Tensor) -> int:
    """The last axis as tensor cores take it: a power of two of at least 16."""
    return max(16, triton.next_power_of_2(x.shape[-1]))


def piece(q: Tensor, v: Tensor) -> int:
    """How much of a memory a program loads at once: less where it would not leave registers for the rest."""
    return min(16 if q.dtype == torch.float32 else 32, padded(q), padded(v))
