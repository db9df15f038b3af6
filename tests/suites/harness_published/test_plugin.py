"""The declared tables against the tasks and metrics that they stand beside."""

import re

import pytest

from harness_published.plugin import TABLES, harness_published_results
from harness_published.printed import all_printed

DECLARED = harness_published_results()
TABLE = pytest.mark.parametrize("table", DECLARED, ids=lambda table: table.name)


@TABLE
def test_a_table_has_results_of_every_task_that_it_names_and_no_other(table):
    assert {result.task for result in table.results.load()} == set(table.tasks)


@TABLE
def test_every_result_stands_beside_metrics_that_its_task_declares(table, registry):
    base = {(result.task, re.sub(r"\[.*", "", metric)) for result in table.results.load() for metric in result.metrics}
    assert [pair for pair in sorted(base) if pair[1] not in registry.tasks[pair[0]].spec.metrics] == []


@TABLE
def test_every_option_is_one_of_the_task_s(table, registry):
    named = {(result.task, option) for result in table.results.load() for option in result.options}
    known = {task: registry.tasks[task].spec.config.load().model_fields for task in table.tasks}
    assert [pair for pair in sorted(named) if pair[1] not in known[pair[0]]] == []


@TABLE
def test_every_result_says_how_it_differs(table):
    assert [result for result in table.results.load() if not result.differs.endswith(".")] == []


@TABLE
def test_values_are_as_printed(table):
    printed = {(row.system, row.value, row.source) for row in all_printed()}
    assert {(result.system, result.value, result.source) for result in table.results.load()} <= printed


def test_no_two_tables_are_for_one_task():
    tasks = [task for *_, named in TABLES for task in named]
    assert len(tasks) == len(set(tasks))


def test_the_pixels_that_a_text_names_are_those_of_the_quadrants():
    (table,) = [table for table in DECLARED if "quadrants" in table.tasks]
    found = {
        (result.options["source"], result.options["num_observed"]): int(result.differs.split()[0])
        for result in table.results.load()
        if result.task == "quadrants"
    }
    sides = {"digits": 4, "fashion_mnist": 14}
    assert found == {(source, given): side**2 * (4 - given) for source, side in sides.items() for given in (1, 2, 3)}
