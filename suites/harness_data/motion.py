"""Straight motion between two walls."""

from __future__ import annotations

import numpy as np

from harness.interfaces import Array


def reflected(places: Array, room: float) -> Array:
    """Where something is that moves freely but bounces at 0 and at `room`."""
    if room == 0:
        return np.zeros_like(places)
    folded = np.mod(places, 2 * room)
    return np.minimum(folded, 2 * room - folded)
