"""Selective copying: data tokens lie at random places among noise and are to be repeated in order."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator

from harness.interfaces import IGNORE, BuiltDataset, Streams
from harness.specs import Tier
from harness_long_context.sampling import Arrays, ExampleCounts, choose_distinct, draw_splits

NOISE = 0
MARKER = 1
FIRST_SYMBOL = 2


class SelectiveCopyingConfig(ExampleCounts):
    """The paper trains at length 4096 with 16 data tokens and a vocabulary of 16."""

    length: int = Field(24, description="places among which the data tokens lie; the answer comes after them", gt=0)
    num_tokens: int = Field(4, description="data tokens to remember", gt=0)
    vocab: int = Field(8, description="all token ids: noise, the answer marker, and the data symbols", gt=2, le=256)

    @model_validator(mode="after")
    def _tokens_have_places(self) -> SelectiveCopyingConfig:
        if self.num_tokens > self.length:
            raise ValueError(
                f"num_tokens={self.num_tokens} is more than length={self.length}; every data token needs a place of "
                f"its own; use at most {self.length}"
            )
        return self

    @property
    def total_length(self) -> int:
        """Places and answer markers."""
        return self.length + self.num_tokens


def build(config: SelectiveCopyingConfig, streams: Streams) -> BuiltDataset:
    """Inputs are the places and then `num_tokens` markers; the targets at the markers are the data tokens in order."""

    def draw(generator: np.random.Generator, count: int) -> Arrays:
        places = np.sort(choose_distinct(generator, count, config.length, config.num_tokens), axis=1)
        symbols = generator.integers(FIRST_SYMBOL, config.vocab, size=(count, config.num_tokens), dtype=np.uint8)
        inputs = np.full((count, config.total_length), NOISE, dtype=np.uint8)
        np.put_along_axis(inputs, places, symbols, axis=1)
        inputs[:, config.length :] = MARKER
        targets = np.full((count, config.total_length), IGNORE, dtype=np.int16)
        targets[:, config.length :] = symbols
        return {"inputs": inputs, "targets": targets}

    return BuiltDataset(
        splits=draw_splits(draw, config.counts(), streams),
        tier=Tier.EMBEDDED,
        provenance="generated; selective copying as in the Mamba paper",
        facts={"chance": 1 / (config.vocab - FIRST_SYMBOL)},
    )
