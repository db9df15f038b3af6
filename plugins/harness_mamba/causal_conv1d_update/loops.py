"""The kernel `cpu` in the part of Python that numba compiles. Arrays and blocks as in `causal_conv1d.loops`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness_mamba.vectorised.functions import sigmoid
from harness_mamba.vectorised.vectors import LANES, load, store

if TYPE_CHECKING:
    from harness.interfaces import Array


def update(
    past: Array,
    x: Array,
    weight: Array,
    bias: Array,
    y: Array,
    after: Array,
    batch: int,
    width: int,
    lags: int,
    distance: int,
    activated: int,
) -> None:
    """Writes y and the past of the next value; rows of x lie `distance` apart."""
    blocks = (width + LANES - 1) // LANES
    for b in range(batch):
        before = b * (lags - 1) * width
        for k in range(blocks):
            first = min(k * LANES, width - LANES)
            newest = load(x, b * distance + first)
            z = load(bias, first) + load(weight, first) * newest
            for lag in range(1, lags):
                at = before + (lag - 1) * width + first
                value = load(past, at)
                z = z + load(weight, lag * width + first) * value
                store(after, at, newest)
                newest = value
            if activated:
                z = z * sigmoid(z)
            store(y, b * width + first, z)
