"""Small Triton kernels."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def scale(x, y, n, factor, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(y + i, tl.load(x + i, mask=i < n, other=0.0).to(tl.float32) * factor, mask=i < n)


@triton.jit
def _join(a1, b1, a2, b2):
    return a1 * a2, a2 * b1 + b2


@triton.jit
def scan(a, b, h, ROWS: tl.constexpr, COLUMNS: tl.constexpr, REVERSE: tl.constexpr):
    """The recurrence h = a h + b along the rows."""
    at = tl.arange(0, ROWS)[:, None] * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    _decay, state = tl.associative_scan((tl.load(a + at), tl.load(b + at)), 0, _join, reverse=REVERSE)
    tl.store(h + at, state)


@triton.jit
def fold(a, b, h, ROWS: tl.constexpr, COLUMNS: tl.constexpr):
    """The last state of the same recurrence."""
    at = tl.arange(0, ROWS)[:, None] * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    _decay, state = tl.reduce((tl.load(a + at), tl.load(b + at)), 0, _join)
    tl.store(h + tl.arange(0, COLUMNS), state)


@triton.jit
def fold_all(a, b, h, N: tl.constexpr):
    """The last state of one recurrence, as a scalar."""
    at = tl.arange(0, N)
    _decay, state = tl.reduce((tl.load(a + at), tl.load(b + at)), None, _join)
    tl.store(h, state)


@triton.jit
def _widening_join(x, y):
    return (x + y).to(tl.float32)


@triton.jit
def scan_wrong_type(x, y, N: tl.constexpr):
    at = tl.arange(0, N)
    tl.store(y + at, tl.associative_scan(tl.load(x + at), 0, _widening_join))


@triton.jit
def cast(x, y, N: tl.constexpr, TO: tl.constexpr):
    at = tl.arange(0, N)
    tl.store(y + at, tl.load(x + at).to(TO))


@triton.jit
def compute(x, y, z, out, N: tl.constexpr, WHAT: tl.constexpr):
    """One operation without a cast; `out` has the dtype of its result or a wider one."""
    at = tl.arange(0, N)
    a = tl.load(x + at)
    b = tl.load(y + at)
    c = tl.load(z + at)
    if WHAT == "add":
        result = a + b
    elif WHAT == "subtract":
        result = a - b
    elif WHAT == "multiply":
        result = a * b
    elif WHAT == "divide":
        result = a / b
    elif WHAT == "negate":
        result = -a
    elif WHAT == "abs":
        result = tl.abs(a)
    elif WHAT == "maximum":
        result = tl.maximum(a, b)
    elif WHAT == "minimum":
        result = tl.minimum(a, b)
    elif WHAT == "clamp":
        result = tl.clamp(a, -0.5, 0.5)
    elif WHAT == "fma":
        result = tl.fma(a, b, c)
    elif WHAT == "where":
        result = tl.where(a > b, a, c)
    elif WHAT == "less":
        result = (a < b).to(tl.float32)
    elif WHAT == "scalars":
        result = 2.0 * a + 0.3
    elif WHAT == "full":
        result = tl.full((N,), 0.3, a.dtype) + a
    elif WHAT == "sum":
        result = tl.sum(a, 0) + tl.zeros((N,), tl.float32)
    elif WHAT == "max":
        result = tl.max(a, 0) + tl.zeros((N,), tl.float32)
    elif WHAT == "cumsum":
        result = tl.cumsum(a, 0)
    elif WHAT == "masked":
        result = tl.load(x + at, mask=at < N // 2, other=0.3)
    tl.store(out + at, result)


@triton.jit
def product(x, y, out, N: tl.constexpr):
    at = tl.arange(0, N)[:, None] * N + tl.arange(0, N)[None, :]
    tl.store(out + at, tl.dot(tl.load(x + at), tl.load(y + at)))


@triton.jit
def add_atomically(x, total, N: tl.constexpr):
    tl.atomic_add(total + tl.arange(0, N), tl.load(x + tl.arange(0, N)))


@triton.jit
def wrong(x, y, N: tl.constexpr):
    tl.store(y + tl.arange(0, N), tl.load(x + tl.arange(0, 2 * N)))


@triton.jit
def mixed(x, one, wide, flag, number, nothing, typed: tl.int64, plain, SIZE: tl.constexpr = 32):
    """Parameters of every kind that the runtime compiles for differently."""
    i = tl.arange(0, SIZE)
    if nothing is not None:
        tl.store(nothing + i, i)
    tl.store(x + i * one + wide + typed + plain, number * 2.0, mask=flag)
