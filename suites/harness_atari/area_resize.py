"""Resizing by area: a pixel of the result is the mean of what it covers."""

from __future__ import annotations

import numpy as np

from harness.interfaces import Array


class AreaResize:
    """Makes grey pictures smaller, from [height, width] to [rows, columns]."""

    def __init__(self, height: int, width: int, rows: int, columns: int) -> None:
        self._rows, self._columns = _shares(height, rows), _shares(width, columns).T

    def __call__(self, picture: Array) -> Array:
        """The picture, in bytes, rounded half to even."""
        small: Array = np.rint(self._rows @ picture.astype(np.float32) @ self._columns).astype(np.uint8)
        return small


def _shares(source: int, target: int) -> Array:
    """[target, source]: which share of each pixel of the result comes from each of the source."""
    edges = np.arange(target + 1) * (source / target)
    pixels = np.arange(source)
    ends = np.minimum(edges[1:, None], pixels + 1)
    covered = np.clip(ends - np.maximum(edges[:-1, None], pixels), 0, None)
    shares: Array = (covered * (target / source)).astype(np.float32)
    return shares
