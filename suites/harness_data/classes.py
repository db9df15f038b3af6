"""What can be known of a classification task without learning."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from harness.interfaces import Array


def class_facts(splits: Mapping[str, Mapping[str, Array]], num_classes: int) -> dict[str, float]:
    """Accuracy by chance, and on the test split by always answering the class that is most frequent in training."""
    majority = int(np.bincount(splits["train"]["labels"], minlength=num_classes).argmax())
    return {"chance": 1 / num_classes, "majority_class": float(np.mean(splits["test"]["labels"] == majority))}
