"""What can be said of images without learning more than frequencies."""

from __future__ import annotations

import numpy as np

from harness.interfaces import Array

PSEUDO_COUNT = 1.0


def independent_pixels(train: Array, test: Array) -> float:
    """Mean log-likelihood in nats of binary test images [N, ...] if every pixel is independent.

    A pixel's probability is its mean over the training images (from 0 to 1), one pseudo-count added to either side.
    """
    p = (train.sum(axis=0, dtype=np.float64) + PSEUDO_COUNT) / (len(train) + 2 * PSEUDO_COUNT)
    logs = test * np.log(p) + (1 - test) * np.log1p(-p)
    return float(logs.reshape(len(test), -1).sum(axis=1).mean())
