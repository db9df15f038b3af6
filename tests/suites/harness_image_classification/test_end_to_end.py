"""The suite from the command line: every task leaves a complete row, and a stranger's classifier takes part."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from harness.planning.selection import select
from harness.runtime.trial import run_trial
from harness.store import Store

DOCS = Path(__file__).parents[3] / "docs" / "plugins.md"
WORDS = ["suite=image-classification", "scale=smoke"]


def run(cache, *overrides):
    chosen = select([*WORDS, *overrides], [])
    trial = chosen.plan.trials[0]
    return run_trial(
        trial, chosen.registry, cache=cache, threads=1, run_id="test", report=lambda step, steps, loss: None
    ).row


@pytest.mark.parametrize("task", ["digits", "data_efficiency", "few_shot", "image_throughput"])
def test_every_task_leaves_a_complete_row(task, cache):
    row = run(cache, f"task={task}", "model=convnet", "budget.steps=3")
    assert row["status"] == "ok", row["traceback"] or row["reason"]
    assert math.isfinite(row["value"])
    assert (row["steps"], row["examples"]) == (3, 48)
    assert row["flops_per_example"] > 0
    assert row["metrics"][0]["name"] == row["metric"]


def test_a_row_says_which_images_it_used(cache):
    row = run(cache, "task=digits", "model=mlp", "budget.steps=3")
    assert (row["dataset"], row["data_tier"], len(row["data_digest"])) == ("digits", "embedded", 64)
    assert "scikit-learn" in row["data_provenance"]


def test_accuracy_by_shots_stands_beside_the_headline(cache):
    row = run(cache, "task=few_shot", "model=convnet", "budget.steps=3")
    names = [entry["name"] for entry in row["metrics"]]
    assert names == ["few_shot_accuracy", "few_shot_accuracy[shots=1]", "few_shot_accuracy[shots=5]"]


@pytest.mark.parametrize("task", ["cifar10", "cifar100", "idx_images", "image_folder", "hub_images"])
def test_images_that_are_not_here_leave_an_unsupported_row_with_the_way_out(task, cache):
    row = run(cache, f"task={task}", "model=mlp", "budget.steps=3")
    assert row["status"] == "unsupported", row["reason"]
    assert "option " in row["reason"]


def test_patches_that_do_not_fill_the_image_are_refused_with_the_way_out(cache):
    row = run(cache, "task=digits", "model=vit", "vit.patch_size=3")
    assert row["status"] == "error"
    assert "patch_size=3 does not divide images of 8x8 pixels" in row["reason"]
    assert "use patch_size=2 or 4 or 8" in row["reason"]


def test_more_training_images_than_there_are_fail_before_training(cache):
    row = run(cache, "task=data_efficiency", "model=mlp", "data_efficiency.train_images=100000")
    assert (row["status"], row.get("steps")) == ("error", None)
    assert "train_images=100000; digits has 1297 training images" in row["reason"]


@pytest.mark.slow
def test_the_row_is_the_same_with_one_worker_and_with_two(harness, tmp_path):
    for jobs in ("1", "2"):
        done = harness("run", *WORDS, "task=digits", "model=vit,convnet", "--jobs", jobs, "--results", tmp_path / jobs)
        assert done.returncode == 0, done.stdout + done.stderr
    values = [Store(tmp_path / jobs).read().table["value"].to_list() for jobs in ("1", "2")]
    assert values[0] == values[1]


def test_a_classifier_in_one_file_takes_part(harness, tmp_path):
    example = next(
        block
        for block in re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
        if "classifies=True" in block
    )
    (tmp_path / "my_classifier.py").write_text(example, encoding="utf-8")
    done = harness("run", *WORDS, "model=mine,vit", "--plugin", "my_classifier.py")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = Store(tmp_path / "results/local").read().table
    assert set(rows["status"]) == {"ok"}
    # It has no features, so the plan leaves it out of few_shot and says so.
    assert set(rows.loc[rows["model"] == "mine", "task"]) == {"digits", "data_efficiency", "image_throughput"}


def test_corrupt_images_fail_before_training_and_name_the_file(cache, tmp_path):
    for stem in ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte"):
        (tmp_path / stem).write_bytes(b"\0\0\x08\x03" + np.array([1, 28, 28], dtype=">u4").tobytes())
    (tmp_path / "t10k-labels-idx1-ubyte").write_bytes(b"")
    row = run(cache, "task=fashion_mnist", "model=mlp", f"fashion_mnist.folder={tmp_path}")
    assert (row["status"], row.get("steps")) == ("error", None)
    assert str(tmp_path) in row["reason"]
