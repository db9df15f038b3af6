"""The task on clips: channels, features, and what is refused of models and of data before anything is measured."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from harness.errors import DataError, PluginError
from harness.interfaces import Budget, Dataset, DatasetRequest, Evidence, Training, VideoData
from harness.runtime.fitting import Diverged
from harness.runtime.seeding import SeedStreams
from harness.specs import Tier
from harness_generative import metrics
from harness_generative.videos import VideoTask, clips_of, frame_features, num_features

CPU = torch.device("cpu")
TRAINING = Training(batch_size=8)
FRAMES, SIDE, GIVEN = 6, 16, 3


class Player(nn.Module):
    """Repeats the last given frame and draws noise; what it gives is changed by `spoil` before it is handed over."""

    def __init__(
        self,
        channels: int,
        spoil_samples: Callable[[Tensor], Any] = lambda clips: clips,
        spoil_predictions: Callable[[Tensor], Any] = lambda clips: clips,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(()))
        self.channels = channels
        self.spoil_samples = spoil_samples
        self.spoil_predictions = spoil_predictions

    def sample(self, count: int, generator: torch.Generator) -> Any:
        return self.spoil_samples(torch.rand(count, self.channels, FRAMES, SIDE, SIDE, generator=generator))

    def predict(self, first: Tensor, generator: torch.Generator) -> Any:
        rest = first[:, :, -1:].expand(-1, -1, FRAMES - first.shape[2], -1, -1)
        return self.spoil_predictions(torch.cat([first, rest], dim=2))


class Asked:
    """A learner that learns nothing."""

    def __init__(self, network: nn.Module) -> None:
        self.module = self.evaluated = network

    def train_step(self, batch: Any) -> dict[str, Tensor]:
        return {"loss": batch.inputs.mean()}


def task(channels: int) -> VideoTask:
    data = VideoData(num_classes=1, channels=channels, frames=FRAMES, height=SIDE, width=SIDE)
    request = DatasetRequest(name="made", options={})
    return VideoTask(dataset=request, data=data, num_given=GIVEN, num_samples=80)


def dataset(channels: int, num_test: int = 80) -> Dataset:
    splits = {}
    for seed, (split, count) in enumerate({"train": 20, "validation": 20, "test": num_test}.items()):
        shape = (count, FRAMES, SIDE, SIDE) if channels == 1 else (count, FRAMES, SIDE, SIDE, channels)
        videos = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
        splits[split] = {"videos": videos, "labels": np.zeros(count, np.uint8)}
    return Dataset(name="made", splits=splits, tier=Tier.EMBEDDED, provenance="", licence="", digest="", facts={})


def evidence(network: Player, split: str = "test") -> Evidence:
    data = dataset(network.channels)
    return task(network.channels).evaluate(Asked(network), data, split, training=TRAINING, device=CPU)


def test_grey_bytes_become_one_channel() -> None:
    videos = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5), dtype=np.uint8)
    assert torch.equal(clips_of(videos)[:, 0] * 255, torch.from_numpy(videos).float())


def test_the_last_axis_of_colours_becomes_the_channels() -> None:
    videos = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 5, 3), dtype=np.uint8)
    clips = clips_of(videos)
    assert clips.shape == (2, 3, 3, 4, 5)
    torch.testing.assert_close(clips[1, 2, 0, 3, 4].item(), videos[1, 0, 3, 4, 2] / 255)


@pytest.mark.parametrize("channels", [1, 3])
def test_features_are_means_and_changes_of_each_channel(channels: int) -> None:
    levels = torch.arange(1, channels + 1) / 4
    videos = torch.zeros(2, channels, 3, 16, 16)
    videos[:, :, 1] = levels[:, None, None]
    features = frame_features(videos)
    assert features.shape == (4, num_features(channels))
    by_channel = np.repeat(levels.numpy(), 64)
    np.testing.assert_allclose(features[0], [*[0.0] * (64 * channels), *by_channel])
    np.testing.assert_allclose(features[1], [*by_channel, *-by_channel])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_still_prediction_has_the_error_of_the_last_frame(channels: int) -> None:
    references = task(channels).references(dataset(channels))
    found = metrics.prediction_mse(evidence(Player(channels)))
    assert found.value == pytest.approx(references["last_frame"], rel=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_mean_frame_has_the_variance_of_noise_as_error(channels: int) -> None:
    data = dataset(channels)
    variance = (256**2 - 1) / 12 / 255**2
    # Of 120 frames of training the mean is off by a 120th of the variance.
    assert task(channels).references(data)["mean_frame"] == pytest.approx(variance * (1 + 1 / 120), rel=0.01)


@pytest.mark.parametrize("channels", [1, 3])
def test_distance_of_frames_is_measured_over_all_channels(channels: int) -> None:
    found = evidence(Player(channels))
    assert found.arrays["features"].shape == (80 * 5, num_features(channels))
    assert np.isfinite(metrics.frechet(found).value)


@pytest.mark.parametrize("channels", [1, 3])
def test_batches_and_pictures_have_the_channels(channels: int) -> None:
    data, player = dataset(channels), Asked(Player(channels))
    batch = task(channels).sample_batch(data, training=TRAINING, device=CPU)
    pictures = task(channels).illustrate(player, data, training=TRAINING, device=CPU)
    assert batch.inputs.shape == (8, channels, FRAMES, SIDE, SIDE)
    assert {Image.open(io.BytesIO(content)).n_frames for content in pictures.values()} == {FRAMES}


def first_to_nan(clips: Tensor) -> Tensor:
    clips = clips.clone()
    clips[0, 0, -1, 0, 0] = float("nan")
    return clips


SPOILT = [
    pytest.param(lambda clips: clips[1:], r"clips are \[24, 3, 6, 16, 16\]; \[25, 3, 6, 16, 16\]", id="count"),
    pytest.param(lambda clips: clips[:, :1], r"clips are \[25, 1, 6, 16, 16\]; \[25, 3, 6, 16, 16\]", id="channels"),
    pytest.param(lambda clips: clips[:, :, 1:], r"clips are \[25, 3, 5, 16, 16\]; \[25, 3, 6, 16, 16\]", id="frames"),
    pytest.param(lambda clips: clips[..., 1:], r"clips are \[25, 3, 6, 16, 15\]; \[25, 3, 6, 16, 16\]", id="width"),
    pytest.param(lambda clips: clips[:, :, 0], r"clips are \[25, 3, 16, 16\]; \[25, 3, 6, 16, 16\]", id="images"),
    pytest.param(lambda clips: clips.numpy(), r"clips are ndarray; \[25, 3, 6, 16, 16\]", id="no-tensor"),
    pytest.param(lambda clips: 2 * clips - 1, r"pixels lie from -.* 0 to 1 is expected", id="from-minus-one"),
    pytest.param(lambda clips: (255 * clips).byte(), r"pixels are torch.uint8; floats from 0 to 1", id="bytes"),
]


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize(("spoil", "said"), SPOILT)
def test_samples_that_do_not_fit_are_refused(spoil: Callable[[Tensor], Any], said: str, split: str) -> None:
    with pytest.raises(PluginError, match=rf"Player\.sample: {said}"):
        evidence(Player(3, spoil_samples=spoil), split)


@pytest.mark.parametrize(("spoil", "said"), [case for case in SPOILT if case.id != "no-tensor"])
def test_predictions_that_do_not_fit_are_refused(spoil: Callable[[Tensor], Any], said: str) -> None:
    said = said.replace("25", "20").replace("24", "19")
    with pytest.raises(PluginError, match=rf"Player\.predict: {said}"):
        evidence(Player(3, spoil_predictions=spoil), "validation")


@pytest.mark.parametrize("part", ["spoil_samples", "spoil_predictions"])
def test_clips_that_are_not_finite_have_diverged(part: str) -> None:
    with pytest.raises(Diverged, match=r"Player\.(sample|predict)"):
        evidence(Player(1, **{part: first_to_nan}))


def test_samples_that_never_vary_are_as_far_as_their_mean_and_the_real_spread() -> None:
    found = evidence(Player(1, spoil_samples=torch.zeros_like))
    real = found.arrays["real_features"].astype(np.float64)
    expected = (real.mean(axis=0) ** 2).sum() + real.var(axis=0, ddof=1).sum()
    assert metrics.frechet(found).value == pytest.approx(expected, rel=1e-6)


def fit(channels: int, num_test: int) -> int:
    """The steps that were taken."""
    outcome = task(channels).fit(
        Asked(Player(channels)),
        dataset(channels, num_test),
        training=TRAINING,
        budget=Budget(steps=1),
        streams=SeedStreams(0, "test"),
        device=CPU,
        record=lambda step, values: None,
    )
    return outcome.steps


@pytest.mark.parametrize(("channels", "count"), [(1, 25), (3, 76)])
def test_too_few_test_clips_are_refused_before_training(channels: int, count: int) -> None:
    with pytest.raises(DataError, match=rf"made: {count} test clips of 6 frames; more than {count} are needed"):
        fit(channels, count)


@pytest.mark.parametrize(("channels", "count"), [(1, 26), (3, 77)])
def test_one_test_clip_more_is_enough(channels: int, count: int) -> None:
    assert fit(channels, count) == 1
