"""The kernel `cpu` in the part of Python that numba compiles.

What a channel needs once is computed for sixteen channels at a time; a state is read in the order in which it lies, so
that a vector is sixteen states of one channel. Channels of the last block are shared with the one before where they are
no multiple of the vector. Letters as in `selective_scan.reference`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness_mamba.vectorised.functions import exp2, sigmoid, softplus
from harness_mamba.vectorised.vectors import LANES, load, repeat, store, total, zeros

if TYPE_CHECKING:
    from harness.interfaces import Array

LOG2_E = math.log2(math.e)


def update(
    u: Array,
    dt: Array,
    A: Array,
    B: Array,
    C: Array,
    D: Array,
    z: Array,
    bias: Array,
    state: Array,
    y: Array,
    after: Array,
    batch: int,
    width: int,
    states: int,
    gate_stride: int,
    positive: int,
) -> None:
    """Writes y and the state after. There are whole vectors of states."""
    blocks = (width + LANES - 1) // LANES
    log2_steps = np.empty(LANES, u.dtype)
    entering = np.empty(LANES, u.dtype)
    read = np.empty(LANES, u.dtype)
    for b in range(batch):
        for k in range(blocks):
            first = min(k * LANES, width - LANES)
            at = b * width + first
            u_b = load(u, at)
            dt_b = load(dt, at) + load(bias, first)
            if positive:
                dt_b = softplus(dt_b)
            store(log2_steps, 0, dt_b * LOG2_E)
            store(entering, 0, dt_b * u_b)
            for lane in range(LANES):
                row = (at + lane) * states
                of_A = (first + lane) * states
                step = repeat(log2_steps, lane)
                x = repeat(entering, lane)
                sums = zeros(u)
                for n in range(0, states, LANES):
                    h = exp2(step * load(A, of_A + n)) * load(state, row + n) + x * load(B, b * states + n)
                    store(after, row + n, h)
                    sums = sums + h * load(C, b * states + n)
                read[lane] = total(sums)
            y_b = load(read, 0) + load(D, first) * u_b
            if gate_stride > 0:
                z_b = load(z, b * gate_stride + first)
                y_b = y_b * (z_b * sigmoid(z_b))
            store(y, at, y_b)
