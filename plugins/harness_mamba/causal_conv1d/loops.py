"""The two passes of the kernel `cpu`, in the part of Python that numba compiles.

Arrays are flat, and a block is the channels of one vector, as in `selective_scan.loops`: where channels are no multiple
of the vector, the last block shares some with the one before, and backward comes first, with zeros in their place.
Time is the outer loop: rows are read in the order in which they lie, and those of the last lags are in the cache.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness_mamba.vectorised.functions import sigmoid
from harness_mamba.vectorised.vectors import LANES, load, store, zeros

if TYPE_CHECKING:
    from harness.interfaces import Array


LAGS = 0
"""How many lags there are, in code that is compiled for one number of them: the loop over them is then unrolled."""


def convolve_forward(
    x: Array,
    weight: Array,
    bias: Array,
    y: Array,
    batch: int,
    length: int,
    width: int,
    lags: int,
    distance: int,
    activated: int,
) -> None:
    """Writes y [batch, length, width]; rows of x lie `distance` apart."""
    lags = LAGS if LAGS > 0 else lags
    blocks = (width + LANES - 1) // LANES
    for b in range(batch):
        for t in range(length):
            row = b * length + t
            for k in range(blocks):
                first = min(k * LANES, width - LANES)
                z = load(bias, first)
                for lag in range(lags):
                    if lag <= t:
                        z = z + load(weight, lag * width + first) * load(x, (row - lag) * distance + first)
                if activated:
                    z = z * sigmoid(z)
                store(y, row * width + first, z)


def convolve_backward(
    x: Array,
    weight: Array,
    bias: Array,
    gy: Array,
    gx: Array,
    gweight: Array,
    gbias: Array,
    batch: int,
    length: int,
    width: int,
    lags: int,
    distance: int,
    activated: int,
) -> None:
    """Writes the gradients; what comes before the activation is computed once more."""
    blocks = (width + LANES - 1) // LANES
    shared = blocks * LANES - width
    size = blocks * LANES
    kept = np.ones(size, x.dtype)
    kept[size - LANES : size - LANES + shared] = 0.0
    sums = np.zeros((lags + 1) * size, x.dtype)
    for b in range(batch):
        for t in range(length):
            row = b * length + t
            for k in range(blocks - 1, -1, -1):
                first = min(k * LANES, width - LANES)
                i = k * LANES
                at = row * width + first
                gz = load(gy, at) * load(kept, i)
                if activated:
                    z = load(bias, first)
                    for lag in range(lags):
                        if lag <= t:
                            z = z + load(weight, lag * width + first) * load(x, (row - lag) * distance + first)
                    s = sigmoid(z)
                    slope = z * s
                    gz = gz * (s + slope - slope * s)
                store(gx, at, load(weight, first) * gz)
                store(sums, i, load(sums, i) + gz * load(x, row * distance + first))
                store(sums, lags * size + i, load(sums, lags * size + i) + gz)
                for lag in range(1, lags):
                    if lag <= t:
                        j = lag * size + i
                        store(sums, j, load(sums, j) + gz * load(x, (row - lag) * distance + first))
                        # x of the lag went into this gz with the weight of the lag.
                        before = at - lag * width
                        store(gx, before, load(gx, before) + load(weight, lag * width + first) * gz)
    for k in range(blocks - 1, -1, -1):
        first = min(k * LANES, width - LANES)
        for lag in range(lags):
            store(gweight, lag * width + first, load(sums, lag * size + k * LANES))
        store(gbias, first, load(sums, lags * size + k * LANES))


def convolve_backward_of_four(
    x: Array,
    weight: Array,
    bias: Array,
    gy: Array,
    gx: Array,
    gweight: Array,
    gbias: Array,
    batch: int,
    length: int,
    width: int,
    lags: int,
    distance: int,
    activated: int,
) -> None:
    """As `convolve_backward` for four lags: what the last steps need of each other stays in registers.

    Time is the inner loop. The gradient of an input is complete, and written, three steps later.
    """
    blocks = (width + LANES - 1) // LANES
    kept = np.ones(LANES, x.dtype)
    kept[: blocks * LANES - width] = 0.0
    for k in range(blocks - 1, -1, -1):
        first = min(k * LANES, width - LANES)
        whole = load(kept, 0)
        kept[:] = 1.0
        offset = load(bias, first)
        w0 = load(weight, first)
        w1 = load(weight, width + first)
        w2 = load(weight, 2 * width + first)
        w3 = load(weight, 3 * width + first)
        gw0 = gw1 = gw2 = gw3 = gb = zeros(x)
        for b in range(batch):
            x1 = x2 = x3 = gz1 = gz2 = gz3 = zeros(x)
            for t in range(length + 3):
                row = b * length + t
                x0 = zeros(x)
                gz = zeros(x)
                if t < length:
                    x0 = load(x, row * distance + first)
                    gz = load(gy, row * width + first) * whole
                    if activated:
                        z = offset + w0 * x0 + w1 * x1 + w2 * x2 + w3 * x3
                        s = sigmoid(z)
                        slope = z * s
                        gz = gz * (s + slope - slope * s)
                    gw0 = gw0 + gz * x0
                    gw1 = gw1 + gz * x1
                    gw2 = gw2 + gz * x2
                    gw3 = gw3 + gz * x3
                    gb = gb + gz
                if t >= 3:
                    store(gx, (row - 3) * width + first, w3 * gz + w2 * gz1 + w1 * gz2 + w0 * gz3)
                x1, x2, x3 = x0, x1, x2
                gz1, gz2, gz3 = gz, gz1, gz2
        store(gweight, first, gw0)
        store(gweight, width + first, gw1)
        store(gweight, 2 * width + first, gw2)
        store(gweight, 3 * width + first, gw3)
        store(gbias, first, gb)
