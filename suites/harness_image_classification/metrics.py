"""Metrics over the evidence of image tasks."""

from __future__ import annotations

import numpy as np
import torch

from harness.interfaces import Evidence, Measurement

CALIBRATION_BINS = 15


def top1_accuracy(evidence: Evidence) -> Measurement:
    """The share of images whose class is the most probable."""
    return _accuracy(evidence, 1)


def top5_accuracy(evidence: Evidence) -> Measurement:
    """The share of images whose class is among the five most probable."""
    return _accuracy(evidence, 5)


def nll_nats(evidence: Evidence) -> Measurement:
    """The mean negative logarithm of the true class's probability."""
    logs, labels = evidence.arrays["log_probabilities"], evidence.arrays["labels"]
    return Measurement(value=float(-np.mean(logs[np.arange(len(labels)), labels])), n=len(labels))


def calibration_error(evidence: Evidence) -> Measurement:
    """The mean distance between confidence and accuracy over 15 bins of equal width (Guo et al. 2017, equation 3)."""
    from torchmetrics.functional.classification import multiclass_calibration_error

    logs, labels = _tensors(evidence)
    error = multiclass_calibration_error(
        logs.exp(), labels, num_classes=logs.shape[1], n_bins=CALIBRATION_BINS, norm="l1"
    )
    return Measurement(value=float(error), n=len(labels))


def few_shot_accuracy(evidence: Evidence) -> Measurement:
    """The share of images of new classes that the probe names, over all draws."""
    from torchmetrics.functional.classification import multiclass_accuracy

    predicted = torch.from_numpy(evidence.arrays["predicted"])
    labels = torch.from_numpy(evidence.arrays["labels"])
    num_classes = int(max(predicted.max(), labels.max())) + 1
    value = multiclass_accuracy(predicted, labels, num_classes=max(2, num_classes), average="micro")
    return Measurement(value=float(value), n=len(labels))


def images_per_second(evidence: Evidence) -> Measurement:
    """Images of a forward pass over the median of its times."""
    seconds, images = evidence.arrays["seconds"], evidence.arrays["images"]
    return Measurement(value=float(images[0] / np.median(seconds)), n=len(seconds))


def _accuracy(evidence: Evidence, top: int) -> Measurement:
    from torchmetrics.functional.classification import multiclass_accuracy

    logs, labels = _tensors(evidence)
    num_classes = logs.shape[1]
    # With five classes or fewer the true one is always among them.
    value = multiclass_accuracy(
        logs, labels, num_classes=num_classes, top_k=min(top, num_classes), average="micro", validate_args=True
    )
    return Measurement(value=float(value), n=len(labels))


def _tensors(evidence: Evidence) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(evidence.arrays["log_probabilities"]), torch.from_numpy(evidence.arrays["labels"])
