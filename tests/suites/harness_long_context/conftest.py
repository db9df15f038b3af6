"""Learners that need no training: they answer with what a function of the inputs says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.interfaces import BuiltDataset, Dataset, Evidence, TokenBatch, Training
from harness_long_context.sequence_task import SequenceTask

Predict = Callable[[np.ndarray], np.ndarray]
CPU = torch.device("cpu")


class Oracle:
    """Puts nearly all probability on `predict(inputs)`: tokens [B, L], or classes [B]."""

    def __init__(self, predict: Predict, vocab: int, confidence: float = 30.0) -> None:
        self.module = nn.Identity()
        self._predict, self._vocab, self._confidence = predict, vocab, confidence

    def logits(self, batch: TokenBatch) -> Tensor:
        predicted = torch.from_numpy(self._predict(batch.inputs.numpy()).astype(np.int64))
        return self._confidence * F.one_hot(predicted, self._vocab).float()


def as_dataset(built: BuiltDataset) -> Dataset:
    return Dataset(
        name="built",
        splits=built.splits,
        tier=built.tier,
        provenance=built.provenance,
        licence="",
        digest="",
        facts=built.facts,
    )


@pytest.fixture
def judge() -> Callable[..., Evidence]:
    """Evidence of what a function of the inputs predicts on a split."""

    def run(task: SequenceTask, built: BuiltDataset, predict: Predict, split: str = "test") -> Evidence:
        oracle = Oracle(predict, task.vocab)
        return task.evaluate(oracle, as_dataset(built), split, training=Training(batch_size=64), device=CPU)

    return run


@pytest.fixture
def dataset() -> Callable[[BuiltDataset], Dataset]:
    return as_dataset
