"""Batches of token sequences from the arrays of a dataset's split."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import torch

from harness.interfaces import Array, Budget, FitOutcome, Record, Streams, TokenBatch, TokenLearner, Training
from harness.runtime.fitting import fit
from harness.runtime.ordering import Indices, in_order, shuffled


def fit_sequences(
    learner: TokenLearner,
    train: Mapping[str, Array],
    *,
    training: Training,
    budget: Budget,
    streams: Streams,
    device: torch.device,
    record: Record,
    validate: Callable[[], Mapping[str, float]],
) -> FitOutcome:
    """Train on the sequences of a split, whose order is the seed's own; `training.evaluations` times validate."""
    return fit(
        learner,
        token_batches(train, training.batch_size, streams.numpy("batches"), device),
        budget=budget,
        record=record,
        count=_count,
        validate=validate,
        validations=training.evaluations,
        device=device,
    )


def _count(batch: TokenBatch) -> tuple[int, int]:
    """Examples, and tokens with the padding that the batch has."""
    return len(batch.inputs), batch.inputs.numel()


def token_batches(
    arrays: Mapping[str, Array], batch_size: int, generator: np.random.Generator, device: torch.device
) -> Iterator[TokenBatch]:
    """Batches without end, every epoch in a new order."""
    for chosen in shuffled(len(arrays["inputs"]), batch_size, generator):
        yield token_batch(arrays, chosen, device)


def ordered_batches(
    arrays: Mapping[str, Array], batch_size: int, device: torch.device
) -> Iterator[tuple[slice, TokenBatch]]:
    """Every example once, in order, with the slice of the split that the batch is."""
    for chosen in in_order(len(arrays["inputs"]), batch_size):
        yield chosen, token_batch(arrays, chosen, device)


def token_batch(arrays: Mapping[str, Array], chosen: slice | Indices, device: torch.device) -> TokenBatch:
    """The chosen examples; padding that no example of the batch needs is cut off."""
    lengths = arrays["lengths"][chosen].astype(np.int64) if "lengths" in arrays else None
    longest = None if lengths is None else int(lengths.max())
    inputs = arrays["inputs"][chosen, :longest].astype(np.int64)
    targets = arrays["labels"][chosen] if "labels" in arrays else arrays["targets"][chosen, :longest]
    return TokenBatch(
        inputs=torch.from_numpy(inputs).to(device),
        targets=torch.from_numpy(targets.astype(np.int64)).to(device),
        lengths=None if lengths is None else torch.from_numpy(lengths).to(device),
    )
