"""ListOps: the value of a nested expression of list operations (Long Range Arena)."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator

from harness.errors import DataError
from harness.interfaces import BuiltDataset, Streams
from harness.specs import Tier
from harness_data.classes import class_facts
from harness_long_context.sampling import Arrays, ExampleCounts, draw_splits

NUM_CLASSES = 10
SYMBOLS = ("", *"0123456789", "[MIN", "[MAX", "[MED", "[SM", "]")
VOCAB = len(SYMBOLS)


class ListopsConfig(ExampleCounts):
    """The defaults are LRA's generator; LRA has 96000, 2000 and 2000 examples."""

    min_length: int = Field(500, description="expressions are longer than this many tokens", ge=0)
    max_length: int = Field(2000, description="expressions are shorter than this many tokens", gt=1)
    max_depth: int = Field(10, description="nodes at this depth are digits; the root has depth 1", gt=1)
    max_args: int = Field(10, description="most arguments of an operator; the fewest are two", ge=2)

    @model_validator(mode="after")
    def _lengths_exist(self) -> ListopsConfig:
        if self.max_length - self.min_length < 2:
            raise ValueError(
                f"min_length={self.min_length} and max_length={self.max_length} leave no length between them; "
                f"expressions are longer than the one and shorter than the other; use max_length={self.min_length + 2} "
                "or more"
            )
        longest = 1
        for _ in range(self.max_depth - 1):
            longest = min(2 + self.max_args * longest, self.max_length)
        if longest <= self.min_length:
            raise ValueError(
                f"an expression of max_depth={self.max_depth} and max_args={self.max_args} has at most {longest} "
                f"tokens; more than min_length={self.min_length} are wanted; allow more depth or arguments"
            )
        return self


def build(config: ListopsConfig, streams: Streams) -> BuiltDataset:
    """Inputs are tokens without LRA's binary parentheses, padded on the right; the label is the value.

    No expression occurs twice, within a split or across them.
    """
    # Imported here, so that reading the options of a suite does not load the compiler.
    from harness_long_context.listops_trees import grow

    def draw(generator: np.random.Generator, count: int) -> Arrays:
        tokens, lengths, values = grow(
            generator,
            count,
            min_length=config.min_length,
            max_length=config.max_length,
            max_depth=config.max_depth,
            max_args=config.max_args,
        )
        if len(tokens) < count:
            raise DataError(
                f"expressions between min_length={config.min_length} and max_length={config.max_length} hardly occur "
                f"with max_depth={config.max_depth} and max_args={config.max_args}; widen the limits or allow more "
                "depth or arguments"
            )
        return {"inputs": tokens, "lengths": lengths, "labels": values}

    splits = draw_splits(draw, config.counts(), streams)
    return BuiltDataset(
        splits=splits,
        tier=Tier.EMBEDDED,
        provenance="generated; ListOps as in Long Range Arena, brackets kept as tokens",
        facts=class_facts(splits, NUM_CLASSES),
    )
