"""Induction heads: a token that occurred once before comes again, and what followed it is to be recalled."""

from __future__ import annotations

from functools import partial

import numpy as np
from pydantic import Field, model_validator

from harness.interfaces import IGNORE, BuiltDataset, Streams
from harness.specs import Tier
from harness_long_context.sampling import Arrays, ExampleCounts, draw_splits, thirds

SPECIAL = 0


class InductionHeadsConfig(ExampleCounts):
    """The paper trains at length 256 with a vocabulary of 16 and tests at 64 to 1048576."""

    length: int = Field(32, description="tokens of a training sequence", ge=3)
    vocab: int = Field(8, description="all token ids: the special token and the ordinary ones", gt=1, le=256)
    test_lengths: tuple[int, ...] = Field((), description="further lengths to test, each a split test_<length>")

    @model_validator(mode="after")
    def _lengths_differ(self) -> InductionHeadsConfig:
        check_test_lengths(self.test_lengths, self.length, 3)
        return self


def check_test_lengths(test_lengths: tuple[int, ...], length: int, smallest: int) -> None:
    """Further test lengths must be new and long enough."""
    if len({length, *test_lengths}) != 1 + len(test_lengths):
        raise ValueError(
            f"test_lengths={list(test_lengths)} repeats a length or names length={length}, which is tested anyway; "
            "each further length is tested once; remove the repeated one"
        )
    if test_lengths and min(test_lengths) < smallest:
        raise ValueError(
            f"test_lengths={list(test_lengths)} has a length below {smallest}; the task does not fit; use longer ones"
        )


def build(config: InductionHeadsConfig, streams: Streams) -> BuiltDataset:
    """Only the last position has a target: the token that followed the special token's first occurrence."""
    splits = draw_splits(partial(_draw, config.vocab, config.length), config.counts(), streams)
    for length in config.test_lengths:
        split = f"test_{length}"
        splits[split] = _draw(config.vocab, length, streams.numpy(split), config.num_test)
    return BuiltDataset(
        splits=splits,
        tier=Tier.EMBEDDED,
        provenance="generated; induction heads as in the Mamba paper",
        facts={"chance": 1 / (config.vocab - 1)},
    )


def _draw(vocab: int, length: int, generator: np.random.Generator, count: int) -> Arrays:
    rows = np.arange(count)
    inputs = generator.integers(SPECIAL + 1, vocab, size=(count, length), dtype=np.uint8)
    # The answer follows the special token and stands before the last position, which repeats the special token.
    places = length - 2
    first = generator.integers(0, places, size=count)
    inputs[rows, first] = SPECIAL
    inputs[:, -1] = SPECIAL
    targets = np.full((count, length), IGNORE, dtype=np.int16)
    targets[:, -1] = inputs[rows, first + 1]
    return {"inputs": inputs, "targets": targets, "group_position": thirds(first, places)}
