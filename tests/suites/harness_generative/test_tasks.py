"""The generative tasks, held against models whose answers are known."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from harness.errors import DataError, PluginError
from harness.interfaces import Budget, Dataset, Training
from harness.runtime.fitting import Diverged
from harness.runtime.seeding import SeedStreams
from harness.specs import Tier
from harness_generative import metrics, tasks
from harness_generative.likelihood import bound
from harness_generative.options import (
    CompletionOptions,
    DigitSamplesOptions,
    GreyImagesOptions,
    LikelihoodOptions,
)
from harness_generative.pictures import gif, grid, png
from harness_generative.video_options import VideoOptions
from harness_generative.videos import frame_features

CPU = torch.device("cpu")
TRAINING = Training(batch_size=16)


class Asked:
    """A learner that was taught nothing."""

    def __init__(self, network: nn.Module) -> None:
        self.module = self.evaluated = network


class FairCoins(nn.Module):
    """Every pixel is a fair coin; the latent variable is not used, and its weights have some noise."""

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__()
        self.noise = noise

    def log_weights(self, images, samples, generator):
        exact = -images[0].numel() * math.log(2)
        return exact + self.noise * torch.randn(samples, len(images), generator=generator, dtype=torch.float64)

    def sample(self, count, generator):
        return torch.rand(count, 1, 8, 8, generator=generator)

    def reconstruct(self, images):
        return images.clone()

    def complete(self, batch, generator):
        return batch.inputs * batch.observed + 0.5 * (1 - batch.observed)

    def conditional_log_weights(self, batch, samples, generator, *, proposal):
        hidden = float((batch.observed == 0).sum())
        return torch.full((samples, len(batch.inputs)), -hidden * math.log(2), dtype=torch.float64)


class Still(nn.Module):
    """Predicts that nothing moves any more, and draws black clips."""

    def predict(self, first, generator):
        rest = first[:, :, -1:].expand(-1, -1, 6 - first.shape[2], -1, -1)
        return torch.cat([first, rest], dim=2)

    def sample(self, count, generator):
        return torch.zeros(count, 1, 6, 16, 16)


def digits(count: int, seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {"images": generator.integers(0, 17, (count, 8, 8), dtype=np.uint8), "labels": np.zeros(count, np.uint8)}


def clips(count: int, seed: int) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    videos = generator.integers(0, 256, (count, 6, 16, 16), dtype=np.uint8)
    return {"videos": videos, "labels": np.zeros(count, np.uint8)}


def dataset(make) -> Dataset:
    splits = {split: make(60, seed) for seed, split in enumerate(("train", "validation", "test"))}
    return Dataset(name="made", splits=splits, tier=Tier.EMBEDDED, provenance="", licence="", digest="", facts={})


def evidence(task, network, make=digits, split="test"):
    return task.evaluate(Asked(network), dataset(make), split, training=TRAINING, device=CPU)


@pytest.mark.parametrize("build", [tasks.binary_likelihood, tasks.fixed_binary_likelihood])
def test_fair_coins_have_the_likelihood_of_guessing(build):
    task = build(LikelihoodOptions(samples=(1, 10)))
    found = evidence(task, FairCoins())
    assert metrics.elbo_nats(found).value == pytest.approx(task.references(dataset(digits))["chance"])
    assert metrics.elbo_nats(found).n == 60


def test_bounds_rise_with_the_number_of_samples_and_reach_the_lognormal_mean():
    task = tasks.binary_likelihood(LikelihoodOptions(samples=(1, 10, 1000)))
    found = evidence(task, FairCoins(noise=0.5))
    by_k = [found.arrays["bound"][found.groups["k"] == k].mean() for k in (1, 10, 1000)]
    assert by_k[0] < by_k[1] < by_k[2]
    # E[exp(noise)] of a normal deviate of 0.5 is exp(0.125).
    assert by_k[2] == pytest.approx(-64 * math.log(2) + 0.125, abs=0.01)
    assert metrics.elbo_nats(found).value == pytest.approx(by_k[0], abs=1e-9)


def test_a_bound_of_disjoint_parts_equals_its_definition():
    weights = np.random.default_rng(0).normal(size=(7, 3))
    expected = np.mean([np.log(np.exp(weights[i : i + 3]).mean(axis=0)) for i in (0, 3)], axis=0)
    np.testing.assert_allclose(bound(weights, 3), expected, rtol=1e-12)


def test_bounds_of_very_unlikely_images_are_finite():
    assert np.isfinite(bound(np.full((4, 2), -1e5), 4)).all()


@pytest.mark.parametrize(("num_observed", "hidden"), [(1, 48), (2, 32), (3, 16)])
def test_quadrants_are_those_of_the_paper(num_observed, hidden):
    task = tasks.quadrants(CompletionOptions(num_observed=num_observed))
    observed = task.observed
    assert (observed == 0).sum() == hidden
    assert observed[4:, :4].all()
    assert not observed[4:, 4:].any()
    assert observed[:4, :4].all() == (num_observed >= 2)
    assert observed[:4, 4:].all() == (num_observed == 3)


def test_hidden_fair_coins_cost_their_bits_by_either_estimate():
    task = tasks.quadrants(CompletionOptions(num_observed=2, samples=20))
    found = evidence(task, FairCoins())
    assert metrics.negative_cll_importance(found).value == pytest.approx(32 * math.log(2))
    assert metrics.negative_cll_prior(found).value == pytest.approx(task.references(dataset(digits))["chance"])


def test_a_perfect_code_reconstructs_without_error():
    found = evidence(tasks.reconstruction(GreyImagesOptions()), FairCoins())
    assert metrics.reconstruction_mse(found).value == 0


class Distorts(nn.Module):
    """Reconstructs images with something added, in as many channels."""

    def __init__(self, added: float, channels: int = 1) -> None:
        super().__init__()
        self.added, self.channels = added, channels

    def reconstruct(self, images):
        return images.expand(-1, self.channels, -1, -1) + self.added


@pytest.mark.parametrize(
    ("network", "error", "said"),
    [
        pytest.param(Distorts(-1.0), PluginError, "reconstructions of Distorts: pixels lie from -1", id="range"),
        pytest.param(Distorts(0.0, 3), PluginError, r"as \[2, 3, 8, 8\]; one size is expected", id="channels"),
        pytest.param(Distorts(math.nan), Diverged, "reconstructions of Distorts: not every number", id="nan"),
    ],
)
def test_reconstructions_of_another_kind_are_refused_before_training(network, error, said):
    with pytest.raises(error, match=said):
        tasks.reconstruction(GreyImagesOptions()).fit(
            Asked(network),
            dataset(digits),
            training=TRAINING,
            budget=Budget(steps=1),
            streams=SeedStreams(0),
            device=CPU,
            record=lambda step, values: None,
        )


def test_too_few_test_images_for_a_covariance_are_refused_before_training():
    with pytest.raises(DataError, match="60 test images for 64 features: their covariance would be singular"):
        tasks.digit_samples(DigitSamplesOptions()).references(dataset(digits))


def test_a_still_prediction_has_the_error_of_the_last_frame():
    task = tasks.clips(VideoOptions(frames=6, size=16, num_given=3, num_samples=30))
    found = evidence(task, Still(), clips)
    assert metrics.prediction_mse(found).value == pytest.approx(task.references(dataset(clips))["last_frame"], rel=1e-5)
    assert np.unique(found.groups["frame"]).tolist() == [3, 4, 5]


def test_frames_are_described_by_their_means_and_changes():
    videos = torch.zeros(2, 1, 3, 16, 16)
    videos[:, :, 1] = 1.0
    features = frame_features(videos)
    assert features.shape == (4, 128)
    np.testing.assert_allclose(features[0], [*[0.0] * 64, *[1.0] * 64])
    np.testing.assert_allclose(features[1], [*[1.0] * 64, *[-1.0] * 64])


def test_a_model_that_lacks_what_it_promises_is_named():
    with pytest.raises(PluginError, match="Linear is no BoundsLikelihood"):
        evidence(tasks.binary_likelihood(LikelihoodOptions()), nn.Linear(1, 1))


@pytest.mark.parametrize(
    ("task", "names"),
    [
        (tasks.binary_likelihood(LikelihoodOptions()), {"samples.png", "reconstructions.png"}),
        (tasks.quadrants(CompletionOptions()), {"completions.png"}),
        (tasks.reconstruction(GreyImagesOptions()), {"reconstructions.png"}),
    ],
    ids=["likelihood", "quadrants", "reconstruction"],
)
def test_pictures_are_whole_files(task, names):
    found = task.illustrate(Asked(FairCoins()), dataset(digits), training=TRAINING, device=CPU)
    assert set(found) == names
    assert all(Image.open(io.BytesIO(content)).size[0] > 24 for content in found.values())


def test_clips_become_moving_pictures():
    task = tasks.clips(VideoOptions(frames=6, size=16, num_given=3))
    found = task.illustrate(Asked(Still()), dataset(clips), training=TRAINING, device=CPU)
    assert set(found) == {"samples.gif", "predictions.gif"}
    assert Image.open(io.BytesIO(found["predictions.gif"])).n_frames == 6


def test_a_grid_holds_each_image_at_its_place():
    images = np.zeros((3, 1, 24, 24))
    images[2] = 1.0
    sheet = grid(images, columns=2)
    assert sheet.shape == (51, 51)
    assert (sheet[1:25, 1:25] == 0).all()
    assert (sheet[26:50, 1:25] == 255).all()
    assert (sheet[26:50, 26:50] == 128).all()


def test_colours_stay_colours():
    image = Image.open(io.BytesIO(png(np.ones((1, 3, 30, 30)) * np.array([1.0, 0.0, 0.5])[None, :, None, None])))
    assert image.mode == "RGB"
    assert image.getpixel((10, 10)) == (255, 0, 128)


def test_a_moving_picture_repeats():
    picture = Image.open(io.BytesIO(gif(np.random.default_rng(0).random((4, 1, 5, 24, 24)))))
    assert (picture.n_frames, picture.info["loop"]) == (5, 0)
