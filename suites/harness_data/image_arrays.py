"""Arrays for images, in memory where they fit, else in a file that vanishes with the last array; and for labels."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Mapping, Sequence

import numpy as np

from harness.errors import DataError
from harness.interfaces import Array

MEMORY_BYTES = 1024**3
"""Images of up to this size, all splits together, are built in memory."""


def allocate_images(
    counts: Mapping[str, int], shape: tuple[int, ...], memory_bytes: int = MEMORY_BYTES
) -> dict[str, Array]:
    """An array uint8 [count, *shape] for each split, to be filled.

    Raises DataError when the images are too many for memory and the temporary folder has too little room for them.
    """
    total = sum(counts.values()) * math.prod(shape)
    if total <= memory_bytes:
        return {split: np.empty((count, *shape), dtype=np.uint8) for split, count in counts.items()}
    folder = tempfile.gettempdir()
    free = shutil.disk_usage(folder).free
    if free < total:
        raise DataError(
            f"the images take {total} bytes and the temporary folder {folder} has {free} free; as many are needed "
            "while the dataset is built; name another folder with the environment variable TMPDIR"
        )
    return {split: _mapped((count, *shape)) for split, count in counts.items()}


def pack_labels(labels: Sequence[int] | Array, num_classes: int) -> Array:
    """Labels 0..num_classes-1 as uint8 where all classes fit, else int64."""
    return np.asarray(labels, dtype=np.uint8 if num_classes <= 256 else np.int64)


def _mapped(shape: tuple[int, ...]) -> Array:
    """The mapping outlives the name and the handle of its file; the room is given back when the array goes."""
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)
