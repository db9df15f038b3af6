"""Passkey retrieval: a number stands somewhere in repeated filler and is asked for at the end.

Tokens are words and digits, so that the task exists at lengths that a CPU trains on; the paper's is in subwords.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from pydantic import Field, model_validator

from harness.interfaces import IGNORE, Array, BuiltDataset, Streams
from harness.specs import Tier
from harness_long_context.induction_heads import check_test_lengths
from harness_long_context.sampling import Arrays, ExampleCounts, draw_splits, thirds

NUM_DIGIT_SYMBOLS = 10
FILLER_TEXT = (
    "rain falls on the old roof . a boat drifts down the river . two crows sit on a fence . "
    "the baker opens at six . nobody counts the leaves ."
)
STATEMENT_TEXT = "the pass key is"
QUESTION_TEXT = "what is the pass key ? the pass key is"
FILLER, STATEMENT, QUESTION = (text.split() for text in (FILLER_TEXT, STATEMENT_TEXT, QUESTION_TEXT))
WORDS = tuple(dict.fromkeys([*FILLER, *STATEMENT, *QUESTION]))
VOCAB = NUM_DIGIT_SYMBOLS + len(WORDS)


class PasskeyConfig(ExampleCounts):
    """The paper trains at 4K and 5K tokens with five digits and tests at 32K to 1M."""

    length: int = Field(128, description="tokens of a training sequence", gt=0)
    num_digits: int = Field(5, description="digits of the key", gt=0)
    test_lengths: tuple[int, ...] = Field((), description="further lengths to test, each a split test_<length>")

    @property
    def smallest_length(self) -> int:
        """The key's sentence, the question and the given part of the answer, with at least one filler token."""
        return len(_statement(self.num_digits)) + len(QUESTION) + self.num_digits

    @model_validator(mode="after")
    def _key_and_question_fit(self) -> PasskeyConfig:
        if self.length < self.smallest_length:
            raise ValueError(
                f"length={self.length} does not hold a key of {self.num_digits} digits and its question; they take "
                f"{self.smallest_length} tokens with one of filler; use at least that"
            )
        check_test_lengths(self.test_lengths, self.length, self.smallest_length)
        return self


def build(config: PasskeyConfig, streams: Streams) -> BuiltDataset:
    """The last `num_digits` positions are scored; the digits before the one to predict are given (teacher forcing)."""
    splits = draw_splits(partial(_draw, config.num_digits, config.length), config.counts(), streams)
    for length in config.test_lengths:
        split = f"test_{length}"
        splits[split] = _draw(config.num_digits, length, streams.numpy(split), config.num_test)
    return BuiltDataset(
        splits=splits,
        tier=Tier.EMBEDDED,
        provenance="generated; passkey retrieval over words and digits",
        facts={"chance": 1 / NUM_DIGIT_SYMBOLS},
    )


def encode(words: Sequence[str]) -> Array:
    """Token ids: a digit is itself, a word follows the digits."""
    return np.array([int(w) if w.isdigit() else NUM_DIGIT_SYMBOLS + WORDS.index(w) for w in words], dtype=np.uint8)


def _statement(num_digits: int) -> list[str]:
    return [*STATEMENT, *["0"] * num_digits, "."]


def _draw(num_digits: int, length: int, generator: np.random.Generator, count: int) -> Arrays:
    digits = generator.integers(0, NUM_DIGIT_SYMBOLS, size=(count, num_digits), dtype=np.uint8)
    statement = np.tile(encode(_statement(num_digits)), (count, 1))
    statement[:, len(STATEMENT) : -1] = digits
    num_filler = length - statement.shape[1] - len(QUESTION) - (num_digits - 1)
    places = generator.integers(0, num_filler + 1, size=count)[:, None]

    # The filler is a cycle of sentences whose phase makes the key come where a sentence would start.
    filler = encode(FILLER)
    starts = np.flatnonzero(np.roll(filler == filler[-1], 1))
    phase = generator.choice(starts, size=count)[:, None] - places
    column = np.arange(num_filler + statement.shape[1])
    after = column >= places + statement.shape[1]
    haystack = filler[(phase + np.where(after, column - statement.shape[1], column)) % len(filler)]
    np.put_along_axis(haystack, places + np.arange(statement.shape[1]), statement, axis=1)

    question = np.tile(encode(QUESTION), (count, 1))
    inputs = np.concatenate([haystack, question, digits[:, :-1]], axis=1)
    targets = np.full((count, length), IGNORE, dtype=np.int16)
    targets[:, length - num_digits :] = digits
    return {"inputs": inputs, "targets": targets, "group_position": thirds(places[:, 0], num_filler + 1)}
