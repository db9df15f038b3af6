"""A vector of sixteen numbers as a numba type, so that a kernel written in Python is vectorised for certain.

LLVM turns each operation into the instructions that the CPU has: one for AVX-512, two for AVX2, four for NEON.
Additions may be contracted with the multiplication before them; nothing else is reordered except in `total`.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

LANES = 16
CONTRACT = ("contract",)


class VectorType(types.Type):
    """Sixteen floats of one width, held in registers."""

    def __init__(self, element: types.Float) -> None:
        self.element = element
        super().__init__(name=f"Vector({element})")


@register_model(VectorType)
class VectorModel(models.PrimitiveModel):
    """How numba holds a VectorType: as LLVM's own vector."""

    def __init__(self, manager: Any, vector: VectorType) -> None:
        element = manager.lookup(vector.element).get_value_type()
        super().__init__(manager, vector, ir.VectorType(element, LANES))


def _address(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


def _repeat(builder: Any, scalar: Any, vector: ir.VectorType) -> Any:
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), lanes)


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """The sixteen numbers of a contiguous 1-d array that start at `index`; no bounds are checked."""
    vector = VectorType(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        of = context.get_value_type(vector)
        address = _address(context, builder, signature.args[0], *arguments)
        pointer = builder.bitcast(address, of.as_pointer())
        return builder.load(pointer, align=array.dtype.bitwidth // 8)

    return vector(array, types.intp), generate


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write sixteen numbers from `index` on; no bounds are checked."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        address = _address(context, builder, signature.args[0], arguments[0], arguments[1])
        pointer = builder.bitcast(address, arguments[2].type.as_pointer())
        builder.store(arguments[2], pointer, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.none(array, types.intp, value), generate


@intrinsic
def repeat(typing: Any, array: Any, index: Any) -> Any:
    """Sixteen times `array[index]`; no bounds are checked."""
    vector = VectorType(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        scalar = builder.load(_address(context, builder, signature.args[0], *arguments))
        return _repeat(builder, scalar, context.get_value_type(vector))

    return vector(array, types.intp), generate


@intrinsic
def zeros(typing: Any, array: Any) -> Any:
    """Sixteen zeros of the array's kind."""
    vector = VectorType(array.dtype)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(context.get_value_type(vector), [0.0] * LANES)

    return vector(array), generate


@intrinsic
def total(typing: Any, value: Any) -> Any:
    """The sum of the sixteen numbers, in the CPU's order of choice."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        element = arguments[0].type.element
        kind = "f32" if isinstance(element, ir.FloatType) else "f64"
        name = f"llvm.vector.reduce.fadd.v{LANES}{kind}"
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(element, [element, arguments[0].type]), name
        )
        return builder.call(function, [ir.Constant(element, 0.0), arguments[0]], fastmath=("reassoc",))

    return value.element(value), generate


def _arithmetic(instruction: str) -> Any:
    @intrinsic
    def combine(typing: Any, left: Any, right: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, instruction)(*arguments, flags=CONTRACT)

        return left(left, right), generate

    return combine


_add = _arithmetic("fadd")
_subtract = _arithmetic("fsub")
_multiply = _arithmetic("fmul")


@overload(operator.add)
def _add_vectors(left, right):  # type: ignore[no-untyped-def]
    if isinstance(left, VectorType) and left == right:
        return lambda left, right: _add(left, right)
    return None


@overload(operator.sub)
def _subtract_vectors(left, right):  # type: ignore[no-untyped-def]
    if isinstance(left, VectorType) and left == right:
        return lambda left, right: _subtract(left, right)
    return None


@intrinsic
def _scale(typing: Any, value: Any, factor: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        factors = _repeat(builder, arguments[1], arguments[0].type)
        return builder.fmul(arguments[0], factors, flags=CONTRACT)

    return value(value, value.element), generate


@overload(operator.mul)
def _multiply_vectors(left, right):  # type: ignore[no-untyped-def]
    if isinstance(left, VectorType) and left == right:
        return lambda left, right: _multiply(left, right)
    if isinstance(left, VectorType) and isinstance(right, types.Float):
        return lambda left, right: _scale(left, right)
    return None
