"""What the generated tasks share: how many examples, and splits in which no example occurs twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from pydantic import Field

from harness.errors import DataError
from harness.interfaces import Array, Streams
from harness_data.options import Options

Arrays: TypeAlias = dict[str, Array]
Draw: TypeAlias = Callable[[np.random.Generator, int], Arrays]
ROUNDS = 50


class ExampleCounts(Options):
    """How many examples each split has."""

    num_train: int = Field(20_000, description="training examples", gt=0)
    num_validation: int = Field(1_000, description="validation examples", gt=0)
    num_test: int = Field(2_000, description="test examples, and examples of each further test split", gt=0)

    def counts(self) -> dict[str, int]:
        """Held-out splits first, so that they do not depend on how many training examples there are."""
        return {"test": self.num_test, "validation": self.num_validation, "train": self.num_train}


def draw_splits(draw: Draw, counts: dict[str, int], streams: Streams) -> dict[str, Arrays]:
    """Every split from its own stream; `draw(generator, n)` gives n examples, and those seen before are drawn anew.

    Raises DataError when there are not enough different examples.
    """
    seen: set[bytes] = set()
    return {split: _draw_new(draw, count, streams.numpy(split), seen) for split, count in counts.items()}


def choose_distinct(generator: np.random.Generator, rows: int, population: int, count: int) -> Array:
    """For each row `count` different numbers below `population`, every ordered choice equally likely (Floyd)."""
    chosen = np.empty((rows, count), dtype=np.int64)
    for taken, top in enumerate(range(population - count, population)):
        candidate = generator.integers(0, top + 1, size=rows)
        repeated = (chosen[:, :taken] == candidate[:, None]).any(axis=1)
        chosen[:, taken] = np.where(repeated, top, candidate)
    return generator.permuted(chosen, axis=1)


def thirds(positions: Array, places: int) -> Array:
    """Whether each position out of `places` lies at the start, in the middle or at the end."""
    names: Array = np.array(["start", "middle", "end"])[np.minimum(positions * 3 // places, 2)]
    return names


def _draw_new(draw: Draw, count: int, generator: np.random.Generator, seen: set[bytes]) -> Arrays:
    parts: list[Arrays] = []
    missing = count
    for _ in range(ROUNDS):
        arrays = draw(generator, missing)
        new = _new_rows(arrays["inputs"], seen)
        parts.append({name: array[new] for name, array in arrays.items()})
        missing -= len(new)
        if not missing:
            return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    raise DataError(
        f"only {count - missing} of {count} examples differ from all others after {ROUNDS} draws; every example must "
        "be in one split only; ask for fewer examples, or make them longer or their vocabulary larger"
    )


def _new_rows(inputs: Array, seen: set[bytes]) -> Array:
    new = []
    for row, tokens in enumerate(np.ascontiguousarray(inputs)):
        digest = hashlib.blake2b(tokens.data, digest_size=16).digest()
        if digest not in seen:
            seen.add(digest)
            new.append(row)
    return np.array(new, dtype=np.int64)
