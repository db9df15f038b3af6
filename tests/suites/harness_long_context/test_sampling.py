"""Draws that several generators share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DataError
from harness.runtime.seeding import SeedStreams
from harness_long_context.sampling import choose_distinct, draw_splits, thirds

STREAMS = SeedStreams(0, "tests")


@settings(deadline=None)
@given(population=st.integers(1, 40), data=st.data())
def test_choices_in_a_row_differ_and_are_in_range(population: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, population))
    chosen = choose_distinct(np.random.default_rng(population), 20, population, count)
    assert chosen.shape == (20, count)
    assert ((chosen >= 0) & (chosen < population)).all()
    assert all(len(set(row)) == count for row in chosen.tolist())


def test_every_ordered_choice_is_equally_likely() -> None:
    rows = 24_000
    chosen = choose_distinct(np.random.default_rng(0), rows, 4, 2)
    counts = np.unique(chosen[:, 0] * 4 + chosen[:, 1], return_counts=True)[1]
    assert len(counts) == 12
    # Pearson's statistic with 11 degrees of freedom exceeds 35 once in 4000 times.
    assert ((counts - rows / 12) ** 2 / (rows / 12)).sum() < 35


def numbers_below(limit: int):
    return lambda generator, count: {"inputs": generator.integers(0, limit, (count, 1))}


def test_no_example_occurs_twice() -> None:
    splits = draw_splits(numbers_below(300), {"test": 50, "validation": 50, "train": 150}, STREAMS)
    rows = np.concatenate([arrays["inputs"] for arrays in splits.values()])
    assert len(rows) == len(np.unique(rows)) == 250


def test_held_out_splits_do_not_depend_on_the_number_of_training_examples() -> None:
    few = draw_splits(numbers_below(10**9), {"test": 50, "train": 10}, STREAMS)
    many = draw_splits(numbers_below(10**9), {"test": 50, "train": 1000}, STREAMS)
    assert np.array_equal(few["test"]["inputs"], many["test"]["inputs"])


def test_too_few_different_examples_are_refused() -> None:
    with pytest.raises(DataError, match="only 3 of 10 examples differ"):
        draw_splits(numbers_below(3), {"test": 10}, STREAMS)


def test_thirds_split_the_places_evenly() -> None:
    assert thirds(np.arange(9), 9).tolist() == ["start"] * 3 + ["middle"] * 3 + ["end"] * 3
