"""In which order examples are met."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

Indices: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]


def shuffled(count: int, batch_size: int, generator: np.random.Generator) -> Iterator[Indices]:
    """Batches of indices without end: every epoch is a new permutation; what does not fill a batch opens the next."""
    order = np.empty(0, dtype=np.int64)
    while True:
        while len(order) < batch_size:
            order = np.concatenate([order, generator.permutation(count)])
        chosen, order = order[:batch_size], order[batch_size:]
        yield chosen


def in_order(count: int, batch_size: int) -> Iterator[slice]:
    """Every example once."""
    for start in range(0, count, batch_size):
        yield slice(start, min(start + batch_size, count))
