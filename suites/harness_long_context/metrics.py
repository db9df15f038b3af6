"""Metrics over the evidence of sequence tasks: `correct`, `counted` and `nats`, one entry an example."""

from __future__ import annotations

import math

import numpy as np

from harness.interfaces import Evidence, Measurement


def token_accuracy(evidence: Evidence) -> Measurement:
    """The share of scored tokens whose target was the most probable."""
    return _per_target(evidence, evidence.arrays["correct"].sum())


def exact_match(evidence: Evidence) -> Measurement:
    """The share of examples all of whose scored tokens are right."""
    right = evidence.arrays["correct"] == evidence.arrays["counted"]
    return Measurement(value=float(np.mean(right)), n=len(right))


def accuracy(evidence: Evidence) -> Measurement:
    """The share of examples whose one answer is right. Raises ValueError where an example has several answers."""
    counted = evidence.arrays["counted"]
    if not np.all(counted == 1):
        raise ValueError(
            f"an example has {counted.max():g} scored targets; accuracy is of one answer each; use token_accuracy"
        )
    return token_accuracy(evidence)


def nats_per_target(evidence: Evidence) -> Measurement:
    """Mean cross-entropy of a scored target."""
    return _per_target(evidence, evidence.arrays["nats"].sum())


def bits_per_byte(evidence: Evidence) -> Measurement:
    """Mean code length of a byte."""
    return _per_target(evidence, evidence.arrays["nats"].sum() / math.log(2))


def _per_target(evidence: Evidence, total: float) -> Measurement:
    counted = float(evidence.arrays["counted"].sum())
    return Measurement(value=float(total / counted), n=int(counted))
