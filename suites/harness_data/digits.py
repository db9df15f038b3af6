"""The 8x8 handwritten digits that scikit-learn ships, with a split that never changes."""

from __future__ import annotations

import hashlib

import numpy as np

from harness.interfaces import Array, BuiltDataset, Streams
from harness.specs import Tier
from harness_data.image_checks import check_splits
from harness_data.options import Options

NUM_VALIDATION = 200
NUM_TEST = 300
LEVELS = 17
NUM_CLASSES = 10


class DigitsConfig(Options):
    """The digits have no options."""


def build(config: DigitsConfig, streams: Streams) -> BuiltDataset:
    """`images` uint8 [N, 8, 8] with grey levels 0..16, and `labels` [N]."""
    import sklearn

    return BuiltDataset(
        splits=read_digits(), tier=Tier.EMBEDDED, provenance=f"scikit-learn {sklearn.__version__}, load_digits"
    )


def read_digits() -> dict[str, dict[str, Array]]:
    """The splits. They are cut from an order that SHA-256 gives, so that no library's generator can change them."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    order = np.array(sorted(range(len(labels)), key=lambda index: hashlib.sha256(f"digit {index}".encode()).digest()))
    parts = {
        "test": order[:NUM_TEST],
        "validation": order[NUM_TEST : NUM_TEST + NUM_VALIDATION],
        "train": order[NUM_TEST + NUM_VALIDATION :],
    }
    splits = {split: {"images": images[chosen], "labels": labels[chosen]} for split, chosen in parts.items()}
    check_splits(splits, NUM_CLASSES, dict.fromkeys(splits, "scikit-learn's digits"))
    return splits
