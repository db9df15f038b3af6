"""Byte models by counting: what a learned model of text must beat."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.interfaces import Array

NUM_BYTES = 256
PRIORS = tuple(2.0**power for power in range(-6, 13))


@dataclass(frozen=True, slots=True)
class ByteUnigram:
    """Byte frequencies with one added to every count."""

    probabilities: Array

    @classmethod
    def count(cls, text: Array) -> ByteUnigram:
        """Fit to a text, uint8 [bytes]."""
        counts = np.bincount(text, minlength=NUM_BYTES) + 1.0
        return cls(counts / counts.sum())

    def bits_per_byte(self, targets: Array) -> float:
        """Mean code length of the targets."""
        return float(-np.log2(self.probabilities)[targets].mean())


@dataclass(frozen=True, slots=True)
class ByteBigram:
    """p(b | a) = (count(a, b) + prior p(b)) / (count(a) + prior): a Dirichlet prior around the unigram."""

    probabilities: Array
    prior: float

    @classmethod
    def fit(cls, text: Array, validation_inputs: Array, validation_targets: Array) -> ByteBigram:
        """Counts from a text; of the priors the one with the shortest code for the validation pairs."""
        counts, unigram = count_pairs(text[:-1], text[1:]), ByteUnigram.count(text)
        candidates = [cls.smoothed(counts, unigram, prior) for prior in PRIORS]
        return min(candidates, key=lambda model: model.bits_per_byte(validation_inputs, validation_targets))

    @classmethod
    def smoothed(cls, counts: Array, unigram: ByteUnigram, prior: float) -> ByteBigram:
        """From counts of pairs [256, 256], with a prior of that weight."""
        together = counts + prior * unigram.probabilities
        return cls(together / (counts.sum(axis=1, keepdims=True) + prior), prior)

    def bits_per_byte(self, inputs: Array, targets: Array) -> float:
        """Mean code length of each target after its input."""
        return float(-np.log2(self.probabilities)[inputs, targets].mean())


def count_pairs(first: Array, second: Array) -> Array:
    """How often each byte follows each, [256, 256]: pairs of what stands in the same place of both."""
    codes = first.astype(np.int64) * NUM_BYTES + second
    return np.bincount(codes.ravel(), minlength=NUM_BYTES**2).reshape(NUM_BYTES, NUM_BYTES).astype(np.float64)


UNIFORM_BITS = math.log2(NUM_BYTES)
