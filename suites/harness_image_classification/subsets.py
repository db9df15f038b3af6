"""Parts of a training split."""

from __future__ import annotations

import numpy as np

from harness.errors import DataError
from harness.interfaces import Array


def balanced_subset(labels: Array, count: int, generator: np.random.Generator, name: str) -> Array:
    """Indices of `count` examples, as many of each class as there can be, in rising order.

    From generators in the same state, a smaller subset is part of a larger one. Raises DataError where there are not
    that many.
    """
    if count > len(labels):
        raise DataError(f"train_images={count}; {name} has {len(labels)} training images; ask for at most that many")
    order = generator.permutation(len(labels))
    shuffled = labels[order]
    rank = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = np.flatnonzero(shuffled == label)
        rank[members] = np.arange(len(members))
    chosen: Array = np.sort(order[np.lexsort((shuffled, rank))[:count]])
    return chosen
