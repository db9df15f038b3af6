"""Every task of the suite leaves a complete row, for a plain model at a tiny size."""

import math

import pytest

from harness.planning.selection import select
from harness.runtime.trial import run_trial

COUNTS = ("num_train=40", "num_validation=10", "num_test=20")
TINY = {
    "selective_copying": ("length=12", "num_tokens=3", *COUNTS),
    "induction_heads": ("length=12", "test_lengths=[24]", *COUNTS),
    "mqar": ("length=16", "num_pairs=2", "vocab=16", *COUNTS),
    "passkey": ("length=64", "test_lengths=[96]", *COUNTS),
    "listops": ("min_length=5", "max_length=60", *COUNTS),
    "pathfinder": ("contour_length=6", *COUNTS),
    "pixels": (),
    "text_lm": ("length=32", *COUNTS),
}


def run(task, options, cache):
    overrides = [f"{task}.{option}" for option in options]
    words = ["suite=long-context", "scale=smoke", f"task={task}", "model=lstm", "budget.steps=3", "lstm.d_model=8"]
    chosen = select([*words, *overrides], [])
    (trial,) = chosen.plan.trials
    return run_trial(
        trial, chosen.registry, cache=cache, threads=1, run_id="test", report=lambda step, steps, loss: None
    )


@pytest.mark.parametrize("task", TINY)
def test_every_task_leaves_a_complete_row(task, cache):
    row = run(task, TINY[task], cache).row
    assert row["status"] == "ok", row["traceback"] or row["reason"]
    assert math.isfinite(row["value"])
    assert row["metrics"][0]["name"] == row["metric"]
    assert row["chance"] is not None
    assert row["data_tier"] == "embedded"
    assert len(row["data_digest"]) == 64
    assert row["steps"] == 3
    assert row["flops_per_example"] > 0
    assert row["state_bytes"] == 2 * 2 * 8 * 4  # two layers of hidden and cell state, eight float32 each


@pytest.mark.parametrize(("task", "label"), [("induction_heads", "length=24"), ("passkey", "length=96")])
def test_longer_sequences_are_measured_beside_the_headline(task, label, cache):
    names = [entry["name"] for entry in run(task, TINY[task], cache).row["metrics"]]
    assert f"{names[0]}[{label}]" in names


def test_text_is_measured_by_context_length(cache):
    names = [entry["name"] for entry in run("text_lm", TINY["text_lm"], cache).row["metrics"]]
    assert {"bits_per_byte[context=1]", "bits_per_byte[context=16]"} <= set(names)


def test_documents_that_are_not_here_leave_an_unsupported_row_with_the_way_out(cache):
    row = run("text_classification", (), cache).row
    assert row["status"] == "unsupported"
    assert "text_classification.folder=" in row["reason"]
