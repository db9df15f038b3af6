"""Sine and cosine for the Triton kernels, of angles in turns.

Triton's own take any angle: they carry a reduction for huge ones, which takes memory from every thread.
"""

from __future__ import annotations

import triton
import triton.language as tl

TAU = tl.constexpr(6.283185307179586)


@triton.jit
def sine_and_cosine(turns):
    """Of an angle between -1 and 1 turns in float32, to the last bit or two."""
    quarter = tl.floor(4.0 * turns + 0.5)
    x = TAU * (turns - 0.25 * quarter)  # at most an eighth of a turn
    square = x * x
    sine = x + x * square * (-1.0 / 6.0 + square * (1.0 / 120.0 + square * (-1.0 / 5040.0 + square * (1.0 / 362880.0))))
    cosine = 1.0 + square * (-0.5 + square * (1.0 / 24.0 + square * (-1.0 / 720.0 + square * (1.0 / 40320.0))))
    quarter = quarter.to(tl.int32)
    swapped = (quarter & 1) != 0
    negated = tl.where((quarter & 2) != 0, -1.0, 1.0)
    # A quarter turn on: the sine becomes the cosine, the cosine minus the sine.
    return negated * tl.where(swapped, cosine, sine), negated * tl.where(swapped, -sine, cosine)
