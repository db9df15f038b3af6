"""A task on token sequences: fit on the training split, leave what happened to each example of another."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import DataError
from harness.interfaces import (
    IGNORE,
    Array,
    Budget,
    Dataset,
    DatasetRequest,
    Evidence,
    FitOutcome,
    Record,
    Streams,
    TokenBatch,
    TokenData,
    TokenLearner,
    Training,
)

if TYPE_CHECKING:
    import torch
    from torch import Tensor

GROUP_PREFIX = "group_"


@dataclass(frozen=True, kw_only=True, slots=True)
class SequenceTask:
    """A `harness.interfaces.Task` for datasets in the array convention of token sequences.

    `length` is the longest sequence of any split, `train_length` that of the training split. With `context_edges`,
    such as (1, 16, 64), the evidence has one entry for each example and range of context lengths, and the group
    `context` names the smallest length of the range.
    """

    dataset: DatasetRequest
    vocab: int
    length: int
    train_length: int
    extra_splits: Mapping[str, str] = field(default_factory=dict)
    context_edges: tuple[int, ...] = (1,)

    def describe(self) -> TokenData:
        return TokenData(vocab=self.vocab, length=self.length)

    def fit(
        self,
        learner: TokenLearner,
        data: Dataset | None,
        *,
        training: Training,
        budget: Budget,
        streams: Streams,
        device: torch.device,
        record: Record,
    ) -> FitOutcome:
        """Train on batches whose order is the seed's own; `training.evaluations` times look at validation."""
        from harness.runtime.tokens import fit_sequences

        def validate() -> dict[str, float]:
            arrays = self.evaluate(learner, data, "validation", training=training, device=device).arrays
            counted = arrays["counted"].sum()
            return {
                "validation_nats": float(arrays["nats"].sum() / counted),
                "validation_accuracy": float(arrays["correct"].sum() / counted),
            }

        return fit_sequences(
            learner,
            _split(data, "train"),
            training=training,
            budget=budget,
            streams=streams,
            device=device,
            record=record,
            validate=validate,
        )

    def evaluate(
        self, learner: TokenLearner, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """For each example `counted` targets, how many of them were most probable (`correct`), and their `nats`."""
        import torch

        from harness.runtime.tokens import ordered_batches

        arrays = _split(data, split)
        # Longer sequences come in smaller batches, so that they take the memory of a training batch.
        batch_size = max(
            1, training.batch_size * self.train_length // max(self.train_length, arrays["inputs"].shape[1])
        )
        learner.module.eval()
        with torch.no_grad():
            parts = [self._scores(learner, batch) for _, batch in ordered_batches(arrays, batch_size, device)]
        columns = ("correct", "counted", "nats")
        table = np.concatenate(parts)  # [N, contexts, 3]
        num_contexts = table.shape[1]
        groups = {
            name.removeprefix(GROUP_PREFIX): np.repeat(np.asarray(array), num_contexts)
            for name, array in arrays.items()
            if name.startswith(GROUP_PREFIX)
        }
        if len(self.context_edges) > 1:
            groups["context"] = np.tile(np.array(self.context_edges), len(table))
        flat = table.reshape(-1, len(columns))
        return Evidence(arrays={name: flat[:, column] for column, name in enumerate(columns)}, groups=groups)

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        """What the dataset's builder knows: `chance`, and baselines that need no gradient."""
        return dict(_dataset(data).facts)

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> TokenBatch:
        from harness.runtime.tokens import token_batch

        return token_batch(_split(data, "train"), slice(0, training.batch_size), device)

    def _scores(self, learner: TokenLearner, batch: TokenBatch) -> Array:
        """Correct, counted and nats, [B, contexts, 3] in float64."""
        import torch
        import torch.nn.functional as F

        logits, targets = learner.logits(batch), batch.targets
        scored = targets != IGNORE
        # Only the scored positions: with a large vocabulary the others would be most of the work.
        chosen, wanted = logits[scored].double(), targets[scored]
        scores = torch.zeros(*targets.shape, 3, dtype=torch.float64, device=logits.device)
        nats = F.cross_entropy(chosen, wanted, reduction="none")
        hits = (chosen.argmax(dim=-1) == wanted).double()
        scores[scored] = torch.stack([hits, torch.ones_like(nats), nats], dim=-1)
        if targets.ndim == 1:
            return scores[:, None].cpu().numpy()
        return torch.einsum("blk,lc->bck", scores, self._contexts(targets)).cpu().numpy()

    def _contexts(self, targets: Tensor) -> Tensor:
        """Which range of context lengths each position belongs to, as [L, contexts] of ones and zeros."""
        import torch
        import torch.nn.functional as F

        edges = torch.tensor(self.context_edges, device=targets.device)
        context = torch.arange(1, targets.shape[1] + 1, device=targets.device)
        index = torch.searchsorted(edges, context, right=True) - 1
        return F.one_hot(index, len(self.context_edges)).double()


def context_edges(length: int) -> tuple[int, ...]:
    """1, 16, 64, 256, ... up to the longest context: each range is four times the one before."""
    return (1, *(4**power for power in range(2, 1 + math.floor(math.log(length, 4) + 1e-9))))


def _dataset(data: Dataset | None) -> Dataset:
    if data is None:
        raise DataError("a sequence task got no dataset; it reads the one that it asks for; pass that")
    return data


def _split(data: Dataset | None, split: str) -> Mapping[str, Array]:
    dataset = _dataset(data)
    if split not in dataset.splits:
        raise DataError(f"{dataset.name} has no split {split!r}; it has {', '.join(sorted(dataset.splits))}")
    return dataset.splits[split]
