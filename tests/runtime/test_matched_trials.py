"""Trials of which every model gets the same of something, from the plan to the row."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.planning.selection import select
from harness.runtime.trial import run_trial

TINY = f"suite={Path(__file__).parents[1] / 'files' / 'tiny.toml'}"


@pytest.fixture
def row(registry, cache):
    """The row of the first trial of a plan, which a test may change before it runs."""

    def run(*words, **changes):
        trial = replace(select([TINY, "seed=0", *words], []).plan.trials[0], **changes)
        return run_trial(trial, registry, cache=cache, threads=1, run_id="r", report=lambda step, steps, loss: None).row

    return run


@pytest.mark.parametrize(
    ("word", "column"),
    [
        ("match.parameters=30000", "parameters"),
        ("match.flops=2e6", "flops_per_example"),
        ("match.state_bytes=10000", "state_bytes"),
    ],
)
@pytest.mark.parametrize("model", ["transformer", "mamba"])
def test_a_row_says_what_was_asked_and_what_was_reached(row, model, word, column):
    found = row(f"model={model}", "scale=free", word)
    kind, target = word.removeprefix("match.").split("=")
    assert (found["status"], found["reason"]) == ("ok", "")
    assert (found["match_kind"], found["match_target"]) == (kind, float(target))
    assert found["match_reached"] == found[column] == pytest.approx(float(target), rel=0.1)
    assert found["ranked"]


@pytest.mark.parametrize("model", ["transformer", "lstm"])
def test_models_of_one_time_budget_train_for_as_long(row, model):
    found = row(f"model={model}", "match.seconds=2", "training.evaluations=2")
    assert (found["status"], found["stopped"], found["budget_steps"]) == ("ok", "", None)
    assert found["match_reached"] == found["train_seconds"] == pytest.approx(2.0, rel=0.1)
    assert found["steps"] > 4
    assert found["ranked"]


def test_a_trial_that_took_less_than_all_others_is_not_ranked(row):
    match = select([TINY, "match.flops=1e9", "model=lstm", "scale=free"], []).plan.trials[0].match
    found = row("model=lstm", match=match)
    assert (found["status"], found["ranked"]) == ("ok", False)
    assert found["unranked_reason"].startswith("nearest to 1000000000 operations of a forward pass are ")
    assert found["match_reached"] == found["flops_per_example"]
