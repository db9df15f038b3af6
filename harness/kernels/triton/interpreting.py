"""Triton's interpreter made fit for tests: fast scans and reductions, and arithmetic with bfloat16.

As it comes, the interpreter calls the combine function of a scan once for each element, truncates where float32 becomes
bfloat16, and computes with bfloat16 as if its bits were integers. Here a scan takes log2(length) calls on whole blocks,
casts round to nearest even, and bfloat16 operands are widened to float32, as devices do; the result is rounded once.

With bfloat16 these are right: load and store (masks and `other` too), casts from and to every other type but float8,
`+ - * /`, negation, `abs`, `fma`, `clamp`, `minimum`, `maximum`, comparisons, `where`, `full`, scalars as operands,
`dot`, reductions, scans, and what only moves values. Atomics raise. Not touched: float8, and padding with NaN beyond
the bounds of block pointers and descriptors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import triton
import triton.language as tl
from triton.runtime.interpreter import InterpreterBuilder, ReduceOps, ScanOps, TensorHandle

from harness.errors import UnsupportedError, UsageError

TESTED = ("3.7.1",)

Array: TypeAlias = "np.ndarray[Any, Any]"
Combine: TypeAlias = Callable[[Sequence[Array], Sequence[Array]], list[Array]]


def install() -> None:
    """Change the interpreter of this process, which was started with TRITON_INTERPRET=1 and a tested Triton."""
    version = triton.__version__.partition("+")[0]
    if version not in TESTED:
        raise UnsupportedError(
            f"the interpreter of Triton {version} is not known here; tested versions: {', '.join(TESTED)}; install one"
        )
    if not triton.knobs.runtime.interpret:
        raise UsageError("this process does not interpret Triton kernels; set TRITON_INTERPRET=1 before it starts")
    ScanOps.generic_scan = _scan
    ReduceOps.generic_reduce = _reduce
    ReduceOps.apply_impl = _apply_reduction
    for name, method in _BUILDER.items():
        setattr(InterpreterBuilder, name, method)
    # A device computes infinities and NaN without a word.
    np.seterr(all="ignore")


# Scans and reductions.


def _scan(self: Any, inputs: Sequence[Any]) -> list[Any]:
    """Inclusive scan: every position takes in what lies 1, 2, 4, ... positions before it."""
    combine = _combining(self, inputs)
    columns = [np.moveaxis(tensor.handle.data, self.axis, 0) for tensor in inputs]
    length = len(columns[0])
    shift = 1
    while shift < length:
        # A block's length is a power of two, so the first positions join what comes round from the end: dropped.
        joined = combine([np.roll(column, shift, axis=0) for column in columns], columns)
        columns = [np.concatenate([old[:shift], new[shift:]]) for old, new in zip(columns, joined, strict=True)]
        shift *= 2
    return [
        self.to_tensor(np.moveaxis(column, 0, self.axis), tensor.dtype)
        for column, tensor in zip(columns, inputs, strict=True)
    ]


def _reduce(self: Any, inputs: Sequence[Any]) -> list[Any]:
    """Neighbours are joined in pairs, in their order, until one is left."""
    dimensions = inputs[0].handle.data.ndim
    inputs, axis = self.unravel(inputs, self.axis)
    combine = _combining(self, inputs)
    columns = [np.moveaxis(tensor.handle.data, axis, 0) for tensor in inputs]
    while len(columns[0]) > 1:
        columns = combine([column[0::2] for column in columns], [column[1::2] for column in columns])
    results = []
    for column, tensor in zip(columns, inputs, strict=True):
        if not self.keep_dims:
            shaped = column[0]
        elif self.axis is None:
            shaped = column.reshape((1,) * dimensions)
        else:
            shaped = np.moveaxis(column, 0, axis)
        results.append(self.to_tensor(shaped, tensor.dtype))
    return results


def _apply_reduction(self: Any, inputs: Sequence[Any]) -> Any:
    """The interpreter's short cuts for sums and extremes take the bits of bfloat16 for integers."""
    if _is_bfloat16(inputs[0].handle):
        return _reduce(self, inputs)
    return _original_reduction(self, inputs)


def _combining(operation: Any, inputs: Sequence[Any]) -> Combine:
    """The combine function of a scan or a reduction, for whole arrays."""

    def combine(left: Sequence[Array], right: Sequence[Array]) -> list[Array]:
        dtypes = [tensor.dtype for tensor in inputs]
        operands = [operation.to_tensor(array, dtype) for array, dtype in zip([*left, *right], dtypes * 2, strict=True)]
        results = operation.combine_fn.fn(*operands)
        results = results if isinstance(results, tuple) else (results,)
        return [_array_of(*parts) for parts in zip(results, dtypes, left, strict=True)]

    return combine


def _array_of(result: Any, dtype: Any, like: Array) -> Array:
    if isinstance(result, tl.core.tensor):
        if result.dtype != dtype:
            raise TypeError(f"a combine function returns {result.dtype} for {dtype}; it must return what it is given")
        array: Array = np.broadcast_to(result.handle.data, like.shape).astype(like.dtype)
        return array
    return np.full_like(like, result)


# Arithmetic with bfloat16, which the interpreter keeps as the 16 upper bits of a float32.


def _is_bfloat16(handle: Any) -> bool:
    # The interpreter leaves the operands' dtype on the booleans that comparisons give.
    return bool(handle.dtype.scalar == tl.bfloat16 and handle.data.dtype == np.uint16)


def _widened(handle: Any) -> Array:
    if not _is_bfloat16(handle):
        data: Array = handle.data
        return data
    bits: Array = handle.data.astype(np.uint32) << 16
    return bits.view(np.float32)


def _rounded(data: Array) -> Array:
    """The bits of the nearest bfloat16, of two the one that ends in an even digit."""
    bits = np.ascontiguousarray(data, dtype=np.float32).view(np.uint32)
    half = np.uint32(0x7FFF) + ((bits >> 16) & np.uint32(1))
    is_nan = np.isnan(bits.view(np.float32))
    # A NaN keeps its sign and becomes quiet; rounding could carry it into infinity or zero.
    return np.where(is_nan, (bits >> 16) | np.uint32(0x40), (bits + half) >> 16).astype(np.uint16)


def _handle(output: Array) -> Any:
    if output.dtype == np.bool_:
        return TensorHandle(output, tl.int1)
    return TensorHandle(_rounded(output), tl.bfloat16)


_original_reduction = ReduceOps.apply_impl
_original_binary = InterpreterBuilder.binary_op
_original_unary = InterpreterBuilder.unary_op
_original_ternary = InterpreterBuilder.ternary_op
_original_fma = InterpreterBuilder.create_fma
_original_dot = InterpreterBuilder.create_dot
_original_cast = InterpreterBuilder.cast_impl
_original_atomic = InterpreterBuilder.create_atomic_rmw
_original_exchange = InterpreterBuilder.create_atomic_cas


def _binary(self: Any, lhs: Any, rhs: Any, op: Callable[..., Array]) -> Any:
    if _is_bfloat16(lhs) and _is_bfloat16(rhs):
        return _handle(op(_widened(lhs), _widened(rhs)))
    return _original_binary(self, lhs, rhs, op)


def _unary(self: Any, arg: Any, op: Callable[..., Array]) -> Any:
    if _is_bfloat16(arg):
        return _handle(op(_widened(arg)))
    return _original_unary(self, arg, op)


def _ternary(self: Any, lhs: Any, rhs: Any, other: Any, op: Callable[..., Array]) -> Any:
    if op is not np.where and _is_bfloat16(lhs):
        return _handle(op(_widened(lhs), _widened(rhs), _widened(other)))
    return _original_ternary(self, lhs, rhs, other, op)


def _fma(self: Any, x: Any, y: Any, z: Any) -> Any:
    if _is_bfloat16(x):
        return _handle(_widened(x) * _widened(y) + _widened(z))
    return _original_fma(self, x, y, z)


def _dot(self: Any, a: Any, b: Any, d: Any, input_precision: Any, max_num_imprecise_acc: Any) -> Any:
    if _is_bfloat16(a) and _is_bfloat16(b):
        a, b = TensorHandle(_widened(a), tl.float32), TensorHandle(_widened(b), tl.float32)
    return _original_dot(self, a, b, d, input_precision, max_num_imprecise_acc)


def _cast(self: Any, src: Any, dst_type: Any) -> Any:
    if dst_type.scalar == tl.bfloat16:
        return TensorHandle(_rounded(_widened(src)), tl.bfloat16)
    if _is_bfloat16(src):
        src = TensorHandle(_widened(src), tl.float32)
        return src if dst_type.scalar == tl.float32 else _original_cast(self, src, dst_type)
    return _original_cast(self, src, dst_type)


def _constant(self: Any, value: float) -> Any:
    return TensorHandle(_rounded(np.array([value], dtype=np.float32)), tl.bfloat16)


def _atomic(self: Any, operation: Any, ptr: Any, val: Any, mask: Any, sem: Any, scope: Any) -> Any:
    if _is_bfloat16(val):
        raise NotImplementedError("atomics with bfloat16 are not interpreted; accumulate in float32")
    return _original_atomic(self, operation, ptr, val, mask, sem, scope)


def _exchange(self: Any, ptr: Any, cmp: Any, val: Any, sem: Any, scope: Any) -> Any:
    if _is_bfloat16(val):
        raise NotImplementedError("atomics with bfloat16 are not interpreted; compare and swap integers")
    return _original_exchange(self, ptr, cmp, val, sem, scope)


_BUILDER: dict[str, Callable[..., Any]] = {
    "binary_op": _binary,
    "unary_op": _unary,
    "ternary_op": _ternary,
    "create_fma": _fma,
    "create_dot": _dot,
    "cast_impl": _cast,
    "get_bf16": _constant,
    "create_atomic_rmw": _atomic,
    "create_atomic_cas": _exchange,
}
