"""The suite from its file: every task leaves a complete row with pictures."""

import math

import pytest

from harness.planning.selection import select
from harness.runtime.trial import run_trial
from harness_generative.plugin import harness_tasks

WORDS = ["suite=generative", "scale=smoke", "budget.steps=2"]
CASES = {
    "binary_likelihood": ("vae", {"samples.png", "reconstructions.png"}),
    "fixed_binary_likelihood": ("conv_vae", {"samples.png", "reconstructions.png"}),
    "reconstruction": ("autoencoder", {"reconstructions.png"}),
    "quadrants": ("cvae", {"completions.png"}),
    "digit_samples": ("dcgan", {"samples.png"}),
    "clips": ("video_diffusion", {"samples.gif", "predictions.gif"}),
}
NEEDS_FILES = {"fashion_samples"}


def run(task, model, cache, *overrides):
    chosen = select([*WORDS, f"task={task}", f"model={model}", *overrides], [])
    return run_trial(
        chosen.plan.trials[0],
        chosen.registry,
        cache=cache,
        threads=1,
        run_id="test",
        report=lambda step, steps, loss: None,
    )


def test_every_task_is_tried():
    assert {spec.name for spec in harness_tasks()} == set(CASES) | NEEDS_FILES


@pytest.mark.parametrize("task", CASES)
def test_every_task_leaves_a_complete_row_and_pictures(task, cache):
    model, pictures = CASES[task]
    outcome = run(task, model, cache)
    row = outcome.row
    assert row["status"] == "ok", row["traceback"] or row["reason"]
    assert math.isfinite(row["value"])
    assert row["metrics"][0]["name"] == row["metric"]
    assert row["data_tier"] == "embedded"
    assert set(outcome.artifacts) == pictures


def test_bounds_of_one_trial_rise_with_the_number_of_samples(cache):
    row = run("binary_likelihood", "vae", cache).row
    values = {entry["name"]: entry["value"] for entry in row["metrics"]}
    elbo, one, ten = (
        values[f"{name}_nats_resampled_binary{suffix}"]
        for name, suffix in (("elbo", ""), ("iwae", "[k=1]"), ("iwae", "[k=10]"))
    )
    assert elbo == pytest.approx(one, rel=1e-6)
    assert one < ten


def test_errors_of_predicted_frames_stand_beside_the_headline(cache):
    row = run("clips", "video_diffusion", cache).row
    names = [entry["name"] for entry in row["metrics"]]
    assert {"prediction_mse[frame=2]", "prediction_mse[frame=3]", "frechet_pooled_frames"} <= set(names)


def test_clothes_that_are_not_here_leave_an_unsupported_row(cache, tmp_path):
    row = run("fashion_samples", "dcgan", cache, f"fashion_samples.folder={tmp_path}").row
    assert row["status"] == "unsupported", row["reason"]
