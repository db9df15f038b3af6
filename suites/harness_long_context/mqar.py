"""Multi-query associative recall: keys with values, and later the keys again, whose values are to be recalled."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator

from harness.interfaces import IGNORE, Array, BuiltDataset, Streams
from harness.specs import Tier
from harness_long_context.sampling import Arrays, ExampleCounts, choose_distinct, draw_splits

FILLER = 0
ROWS_AT_ONCE = 4096


class MqarConfig(ExampleCounts):
    """The paper sweeps (length, pairs) over (64, 4), (128, 8), (256, 16), (512, 64) with a vocabulary of 8192."""

    length: int = Field(64, description="tokens of a sequence", gt=0)
    num_pairs: int = Field(4, description="key-value pairs, each asked for once", gt=0)
    vocab: int = Field(64, description="all token ids: the filler, keys (lower half) and values (upper half)", gt=3)
    power: float = Field(0.01, description="exponent a of the gap's law, p(g) ~ g^(a-1)", gt=0.0)
    random_non_queries: bool = Field(False, description="random tokens instead of the filler between the queries")

    @model_validator(mode="after")
    def _pairs_fit(self) -> MqarConfig:
        if self.length % 2:
            raise ValueError(f"length={self.length} is odd; keys and values come in pairs; use {self.length + 1}")
        if 4 * self.num_pairs > self.length:
            raise ValueError(
                f"num_pairs={self.num_pairs} does not fit in length={self.length}; every pair takes four tokens; use "
                f"at most {self.length // 4} pairs or length={4 * self.num_pairs}"
            )
        if self.vocab % 2 or self.vocab // 2 - 1 < self.num_pairs or self.vocab > 2**15:
            raise ValueError(
                f"vocab={self.vocab} does not do for num_pairs={self.num_pairs}; it must be even, at most {2**15}, and "
                f"half of it must hold the filler and a key for each pair; use at least {2 * self.num_pairs + 2}"
            )
        return self


def build(config: MqarConfig, streams: Streams) -> BuiltDataset:
    """The target at a query is the value that followed that key; nothing else is scored."""

    def draw(generator: np.random.Generator, count: int) -> Arrays:
        half, pairs = config.vocab // 2, config.num_pairs
        keys = 1 + choose_distinct(generator, count, half - 1, pairs)
        values = half + choose_distinct(generator, count, half, pairs)
        places = 2 * pairs + 2 * _gaps(config, generator, count)
        inputs = np.full((count, config.length), FILLER, dtype=np.uint16)
        inputs[:, 0 : 2 * pairs : 2] = keys
        inputs[:, 1 : 2 * pairs : 2] = values
        np.put_along_axis(inputs, places, keys.astype(np.uint16), axis=1)
        targets = np.full((count, config.length), IGNORE, dtype=np.int16)
        np.put_along_axis(targets, places, values.astype(np.int16), axis=1)
        if config.random_non_queries:
            noise = generator.integers(0, config.vocab, size=inputs.shape, dtype=np.uint16)
            inputs = np.where(inputs == FILLER, noise, inputs)
        return {"inputs": inputs, "targets": targets}

    return BuiltDataset(
        splits=draw_splits(draw, config.counts(), streams),
        tier=Tier.EMBEDDED,
        provenance="generated; multi-query associative recall as in the Zoology paper",
        facts={"chance": 2 / config.vocab, "value_of_a_random_pair": 1 / config.num_pairs},
    )


def _gaps(config: MqarConfig, generator: np.random.Generator, count: int) -> Array:
    """For each row and key its slot, drawn one after another without replacement from the power law.

    The largest of log p plus Gumbel noise, in descending order, have exactly that law.
    """
    slots = (config.length - 2 * config.num_pairs) // 2
    log_p = (config.power - 1) * np.log(np.arange(1, slots + 1))
    chosen = np.empty((count, config.num_pairs), dtype=np.int64)
    for start in range(0, count, ROWS_AT_ONCE):
        rows = chosen[start : start + ROWS_AT_ONCE]
        scores = log_p + generator.gumbel(size=(len(rows), slots))
        rows[:] = np.argsort(-scores, axis=1)[:, : config.num_pairs]
    return chosen
