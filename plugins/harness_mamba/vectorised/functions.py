"""Exponentials of vectors, to the last bit or two, by polynomials: a library's are called for one number at a time.

A NaN stays one.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from llvmlite import ir
from numba.extending import intrinsic

from harness_mamba.vectorised.vectors import CONTRACT, LANES

FINGERPRINT = zlib.crc32(b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))))
"""Changes when a file beside this one does, whose code is part of every loop that uses it."""


class _Arithmetic:
    """Writes instructions on vectors of one kind of number. `bias` is that of the exponent's bits."""

    def __init__(self, builder: Any, floats: ir.VectorType) -> None:
        self.builder = builder
        self.floats = floats
        self.single = isinstance(floats.element, ir.FloatType)
        self.mantissa, self.bias = (23, 127) if self.single else (52, 1023)
        self.integers = ir.VectorType(ir.IntType(32 if self.single else 64), LANES)
        self.zero, self.one = self.constant(0.0), self.constant(1.0)

    def constant(self, number: float) -> Any:
        return ir.Constant(self.floats, [float(np.float32(number)) if self.single else number] * LANES)

    def add(self, left: Any, right: Any) -> Any:
        return self.builder.fadd(left, right, flags=CONTRACT)

    def multiply(self, left: Any, right: Any) -> Any:
        return self.builder.fmul(left, right, flags=CONTRACT)

    def divide(self, left: Any, right: Any) -> Any:
        return self.builder.fdiv(left, right)

    def clamp(self, x: Any, low: float, high: float) -> Any:
        for order, bound in (("<", low), (">", high)):
            outside = self.builder.fcmp_ordered(order, x, self.constant(bound))
            x = self.builder.select(outside, self.constant(bound), x)
        return x

    def polynomial(self, x: Any, coefficients: Sequence[float]) -> Any:
        """Coefficients from the lowest power."""
        result = self.constant(coefficients[-1])
        for coefficient in reversed(coefficients[:-1]):
            result = self.add(self.multiply(result, x), self.constant(coefficient))
        return result

    def round(self, x: Any) -> tuple[Any, Any]:
        """x plus a number so large that the sum is whole and has x in its lowest bits; and x rounded."""
        rounder = self.constant(1.5 * 2.0**self.mantissa)
        # No contraction: the next subtraction must see the rounded sum.
        shifted = self.builder.fadd(x, rounder)
        return shifted, self.builder.fsub(shifted, rounder)

    def exp2_from_parts(self, shifted: Any, fraction: Any) -> Any:
        """2 to the power of what `round` was given, where `fraction` is what rounding took away."""
        power = self.polynomial(fraction, _exp2_polynomial(6 if self.single else 12))
        # The whole number goes where a float keeps its exponent.
        amount = ir.Constant(self.integers, [self.mantissa] * LANES)
        exponent = self.builder.shl(self.builder.bitcast(shifted, self.integers), amount)
        return self.builder.bitcast(self.builder.add(self.builder.bitcast(power, self.integers), exponent), self.floats)

    def exp2(self, x: Any) -> Any:
        x = self.clamp(x, 1.0 - self.bias, self.bias + 1.0)
        shifted, rounded = self.round(x)
        return self.exp2_from_parts(shifted, self.builder.fsub(x, rounded))

    def exp(self, x: Any) -> Any:
        """e^x, kept within normal numbers."""
        most = (self.bias - 1) * math.log(2.0)
        x = self.clamp(x, -most, most)
        shifted, rounded = self.round(self.multiply(x, self.constant(math.log2(math.e))))
        # log 2 in two parts, the first with few digits, so that the product with a whole number is exact.
        high = _leading(math.log(2.0))
        rest = self.add(x, self.multiply(rounded, self.constant(-high)))
        rest = self.add(rest, self.multiply(rounded, self.constant(high - math.log(2.0))))
        return self.exp2_from_parts(shifted, self.multiply(rest, self.constant(math.log2(math.e))))

    def sigmoid(self, x: Any) -> Any:
        negative = self.builder.fneg(x)
        return self.divide(self.one, self.add(self.one, self.exp(negative)))

    def exp_of_minus_magnitude(self, x: Any) -> tuple[Any, Any]:
        """Whether x is positive, and e^-|x|."""
        positive = self.builder.fcmp_ordered(">", x, self.zero)
        return positive, self.exp(self.builder.select(positive, self.builder.fneg(x), x))


def _leading(number: float) -> float:
    """The number's first twelve bits after the leading one."""
    mantissa, exponent = math.frexp(number)
    return math.ldexp(math.floor(mantissa * 2**13) / 2**13, exponent)


def _exp2_polynomial(degree: int) -> list[float]:
    """Coefficients of 2^f for f in [-1/2, 1/2], interpolated at Chebyshev's points: 3e-9 off at degree 6."""
    chebyshev = np.polynomial.chebyshev.chebinterpolate(lambda points: 2.0 ** (points / 2), degree)
    in_points = np.polynomial.chebyshev.cheb2poly(chebyshev)
    rising = [float(coefficient) * 2.0**power for power, coefficient in enumerate(in_points)]
    # Exactly one at zero: a bit more than 2^128 would be the bits of a NaN and not of infinity.
    return [1.0, *rising[1:]]


def _atanh_polynomial(degree: int) -> list[float]:
    """Coefficients in q = s^2 of 2 atanh(s) / s for s in [0, 1/3]."""

    def ratio(points: Any) -> Any:
        s = np.sqrt((points + 1.0) / 18.0)
        return np.where(s > 1e-4, 2.0 * np.arctanh(np.maximum(s, 1e-4)) / np.maximum(s, 1e-4), 2.0 + 2.0 / 3.0 * s**2)

    fitted = np.polynomial.Chebyshev(np.polynomial.chebyshev.chebinterpolate(ratio, degree), domain=[0.0, 1.0 / 9.0])
    return [float(coefficient) for coefficient in fitted.convert(kind=np.polynomial.Polynomial).coef]


def _function(of_vector: Any) -> Any:
    """An intrinsic from vectors to vectors of the same kind."""

    @intrinsic
    def call(typing: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return of_vector(_Arithmetic(builder, arguments[0].type), arguments[0])

        return value(value), generate

    return call


def _softplus(arithmetic: _Arithmetic, x: Any) -> Any:
    # max(x, 0) + log(1 + t) with t = e^-|x|, and log(1 + t) = 2 atanh(s) with s = t / (2 + t), at most a third.
    positive, t = arithmetic.exp_of_minus_magnitude(x)
    s = arithmetic.divide(t, arithmetic.add(arithmetic.constant(2.0), t))
    ratio = arithmetic.polynomial(arithmetic.multiply(s, s), _atanh_polynomial(5 if arithmetic.single else 13))
    return arithmetic.add(arithmetic.builder.select(positive, x, arithmetic.zero), arithmetic.multiply(s, ratio))


exp2 = _function(_Arithmetic.exp2)
"""2 to the power of each number; below the smallest normal number almost zero, and infinite where it overflows."""

sigmoid = _function(_Arithmetic.sigmoid)
"""1 / (1 + e^-x) of each number: the slope of `softplus`, and what SiLU multiplies with."""

softplus = _function(_softplus)
"""log(1 + e^x) of each number, with no threshold."""
