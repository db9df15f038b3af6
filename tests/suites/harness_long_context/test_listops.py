"""ListOps against an evaluator of its own, and against the statistics of the published generator."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from pydantic import ValidationError

from harness.errors import DataError
from harness.interfaces import BuiltDataset
from harness.runtime.seeding import SeedStreams
from harness_long_context import listops_trees
from harness_long_context.listops import SYMBOLS, ListopsConfig, build

STREAMS = SeedStreams(0, "tests")
OPERATIONS = {
    "[MIN": min,
    "[MAX": max,
    "[MED": lambda values: int(statistics.median(values)),
    "[SM": lambda values: sum(values) % 10,
}


def evaluate(words: list[str]) -> tuple[int, int, list[int]]:
    """Value, depth and argument counts of an expression."""
    word = words.pop(0)
    if word not in OPERATIONS:
        return int(word), 1, []
    values, depths, counts = [], [], []
    while words[0] != "]":
        value, depth, below = evaluate(words)
        values.append(value)
        depths.append(depth)
        counts += below
    words.pop(0)
    return OPERATIONS[word](values), 1 + max(depths), [*counts, len(values)]


def words_of(built: BuiltDataset, split: str) -> list[list[str]]:
    arrays = built.splits[split]
    return [
        [SYMBOLS[token] for token in tokens[:length]]
        for tokens, length in zip(arrays["inputs"].tolist(), arrays["lengths"].tolist(), strict=True)
    ]


@pytest.fixture(scope="module")
def lra() -> BuiltDataset:
    return build(ListopsConfig(num_train=5000, num_validation=100, num_test=400), STREAMS)


@pytest.fixture(scope="module")
def short() -> BuiltDataset:
    return build(
        ListopsConfig(
            min_length=4, max_length=24, max_depth=4, max_args=5, num_train=3000, num_validation=500, num_test=500
        ),
        STREAMS,
    )


@pytest.mark.parametrize("name", ["lra", "short"])
def test_labels_are_the_values(name: str, request: pytest.FixtureRequest) -> None:
    built = request.getfixturevalue(name)
    values = [evaluate(words)[0] for words in words_of(built, "test")]
    assert values == built.splits["test"]["labels"].tolist()


@pytest.mark.parametrize(
    ("name", "low", "high", "max_depth", "max_args"),
    [pytest.param("lra", 500, 2000, 10, 10, id="lra"), pytest.param("short", 4, 24, 4, 5, id="short")],
)
def test_trees_keep_their_limits(name, low, high, max_depth, max_args, request: pytest.FixtureRequest) -> None:
    built = request.getfixturevalue(name)
    words = words_of(built, "test")
    lengths = [len(expression) for expression in words]
    shapes = [evaluate(list(expression))[1:] for expression in words]
    counts = [count for _, below in shapes for count in below]
    assert low < min(lengths) <= max(lengths) < high
    assert max(depth for depth, _ in shapes) == max_depth
    assert (min(counts), max(counts)) == (2, max_args)


def test_padding_follows_the_expression_and_nothing_else_is_padding(lra: BuiltDataset) -> None:
    arrays = lra.splits["test"]
    real = np.arange(arrays["inputs"].shape[1]) < arrays["lengths"][:, None]
    assert np.array_equal(arrays["inputs"] != listops_trees.PAD, real)


def test_no_tree_occurs_twice(short: BuiltDataset) -> None:
    rows = np.concatenate([arrays["inputs"] for arrays in short.splits.values()])
    assert len(np.unique(rows, axis=0)) == len(rows) == 4000


def test_label_distribution_is_that_of_the_published_generator(lra: BuiltDataset) -> None:
    shares = np.bincount(lra.splits["train"]["labels"], minlength=10) / 5000
    published = np.array([0.160, *[0.085] * 8, 0.159])
    # The middle labels lie between 7.4 and 9.5 per cent; five standard errors on top.
    assert np.abs(shares - published)[[0, 9]].max() < 5 * np.sqrt(0.16 * 0.84 / 5000)
    assert shares[1:9].min() > 0.055
    assert shares[1:9].max() < 0.115


def test_operators_are_equally_frequent(lra: BuiltDataset) -> None:
    roots = np.bincount(lra.splits["train"]["inputs"][:, 0], minlength=16)[11:15]
    assert roots.sum() == 5000
    assert np.abs(roots / 5000 - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 5000)


def test_majority_reference_is_the_share_of_the_most_frequent_label(lra: BuiltDataset) -> None:
    majority = np.bincount(lra.splits["train"]["labels"]).argmax()
    assert lra.facts == {"chance": 0.1, "majority_class": np.mean(lra.splits["test"]["labels"] == majority)}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"min_length": 10, "max_length": 11}, "use max_length=12", id="no-length"),
        pytest.param({"max_depth": 3, "max_args": 4}, "at most 26 tokens", id="too-shallow"),
    ],
)
def test_limits_without_trees_are_refused(options: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ListopsConfig(**options)


def test_limits_that_hardly_any_tree_meets_are_a_data_error(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = (np.zeros((0, 21), np.uint8), np.zeros(0, np.int32), np.zeros(0, np.uint8))
    monkeypatch.setattr(listops_trees, "grow", lambda *args, **options: empty)
    with pytest.raises(DataError, match="hardly occur"):
        build(ListopsConfig(min_length=19, max_length=21, max_depth=3, max_args=4), STREAMS)
