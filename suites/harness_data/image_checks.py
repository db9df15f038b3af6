"""What must hold of labelled images before they are a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized

import numpy as np

from harness.errors import DataError
from harness.interfaces import Array


def check_labels(images: Sized, labels: Array, num_classes: int, source: object) -> None:
    """Raises DataError that names the source unless each image has one label and all labels are 0..num_classes-1."""
    if len(images) != len(labels):
        raise DataError(
            f"{source}: {len(labels)} labels for {len(images)} images; the counts must agree; fetch the files again"
        )
    if not len(labels):
        raise DataError(f"{source}: no image; at least one is needed; give files that hold some")
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0 or highest >= num_classes:
        raise DataError(
            f"{source}: label {lowest if lowest < 0 else highest}; the classes are 0..{num_classes - 1}; give the "
            "number of classes that the files have, or other files"
        )


def check_classes(labels: Array, num_classes: int, source: object, names: Sequence[str] = ()) -> None:
    """Raises DataError that names the source and the class unless every class occurs among the training labels."""
    absent = np.flatnonzero(np.bincount(labels, minlength=num_classes) == 0)
    if len(absent):
        first = int(absent[0])
        name = f"{first} ({names[first]})" if names else f"{first}"
        raise DataError(
            f"{source}: class {name} has no image among the {len(labels)} of the training split; every one of the "
            f"{num_classes} classes needs one; add images, hold out fewer for validation or give fewer classes"
        )


def check_splits(
    splits: Mapping[str, Mapping[str, Array]],
    num_classes: int,
    sources: Mapping[str, object],
    names: Sequence[str] = (),
) -> None:
    """Both checks on finished splits. `sources` has the file or folder of each; `names` are those of the classes."""
    for split, arrays in splits.items():
        check_labels(arrays["images"], arrays["labels"], num_classes, sources[split])
    check_classes(splits["train"]["labels"], num_classes, sources["train"], names)
