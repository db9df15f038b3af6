"""From printed rows to results beside our tasks."""

import dataclasses

import pytest

from harness.errors import PluginError
from harness_published.beside import Beside, results
from harness_published.printed import Printed

ROW = Printed(
    paper="P",
    system="S",
    task="theirs",
    dataset="D",
    metric="nll",
    value=86.0,
    higher_is_better=False,
    protocol="by hand",
    source="P 2020 Table 1",
    confidence="verified",
)
BESIDE = Beside(
    task="ours",
    metrics=("bound", "ours_too"),
    printed_task="theirs",
    printed_metric="nll",
    quantity="negative log-likelihood",
    unit="nats",
    differs="another sign",
    options={"source": "digits"},
)


def systems(beside, *rows):
    return [result.system for result in results([beside], rows)]


def test_a_result_has_the_paper_s_facts_and_our_names():
    (result,) = results([BESIDE], [ROW])
    assert (result.system, result.value, result.dataset, result.source) == ("S", 86.0, "D", "P 2020 Table 1")
    assert (result.task, result.metrics, result.options) == ("ours", ("bound", "ours_too"), {"source": "digits"})
    assert (result.differs, result.higher_is_better) == ("another sign", False)


def test_a_setting_follows_the_dataset():
    (result,) = results([dataclasses.replace(BESIDE, setting="key at the end")], [ROW])
    assert result.dataset == "D, key at the end"


def test_a_row_without_a_value_is_left_out():
    assert systems(BESIDE, ROW, dataclasses.replace(ROW, system="empty", value=None)) == ["S"]


@pytest.mark.parametrize("changed", [{"task": "another"}, {"metric": "another"}], ids=str)
def test_rows_of_another_task_or_metric_are_not_meant(changed):
    assert systems(BESIDE, ROW, dataclasses.replace(ROW, system="other", **changed)) == ["S"]


@pytest.mark.parametrize(
    "chosen",
    [{"datasets": ("D",)}, {"sources": ("P 2020 Table 1",)}, {"systems": ("S",)}],
    ids=lambda given: str(*given),
)
def test_datasets_sources_and_systems_narrow_what_is_meant(chosen):
    other = dataclasses.replace(ROW, dataset="E", source="Q 2021", system="T")
    assert systems(dataclasses.replace(BESIDE, **chosen), ROW, other) == ["S"]


def test_names_that_no_row_has_are_an_error():
    with pytest.raises(PluginError, match="no printed row has task 'theirs'"):
        results([BESIDE], [dataclasses.replace(ROW, task="renamed")])
