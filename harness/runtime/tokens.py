"""Batches of token sequences from the arrays of a dataset's split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import torch

from harness.interfaces import Array, TokenBatch
from harness.runtime.ordering import Indices, in_order, shuffled


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
