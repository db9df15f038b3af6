"""What is asked in the bundled tasks, and that it cannot be answered without reading."""

from __future__ import annotations

from collections import Counter

import pytest

from harness_language_modelling.bundled import documents

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(scope="module")
def choices():
    return list(documents.choice(num_documents=80, version=1)["test"])


def test_four_identifiers_of_different_length_of_which_one_stood_there(choices):
    assert len(choices) == 80
    for row in choices:
        right = row["choices"][row["right"]]
        assert len({len(choice) for choice in row["choices"]}) == 4
        assert right in row["context"]


def test_the_right_one_is_of_every_rank_and_in_every_place_alike(choices):
    ranks = Counter(sorted(map(len, row["choices"])).index(len(row["choices"][row["right"]])) for row in choices)
    places = Counter(row["right"] for row in choices)
    assert ranks == {0: 20, 1: 20, 2: 20, 3: 20}
    assert places == {0: 20, 1: 20, 2: 20, 3: 20}


def test_the_cloze_asks_for_what_its_context_has():
    rows = list(documents.cloze(num_documents=50)["test"])
    assert len(rows) == 50
    assert all(row["identifier"] in row["context"] for row in rows)
    assert len({row["identifier"] for row in rows}) == 50
    assert all(len(row["context"]) == documents.CONTEXT for row in rows)


def test_stretches_are_spread_over_the_text():
    rows = [row["text"] for row in documents.texts(num_documents=20)["test"]]
    assert len(rows) == len(set(rows)) == 20
    assert {len(text) for text in rows} == {1_000}


def test_documents_are_the_same_each_time():
    assert documents.choice(num_documents=8)["test"][:] == documents.choice(num_documents=8)["test"][:]
