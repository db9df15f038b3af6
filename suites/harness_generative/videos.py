"""Clips: what follows the given frames, and whether samples look and move like real ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import DataError, PluginError
from harness.interfaces import (
    Array,
    Budget,
    Dataset,
    DatasetRequest,
    Evidence,
    FitOutcome,
    GenerativeLearner,
    Record,
    SamplesVideos,
    Streams,
    Training,
    VideoBatch,
    VideoData,
)
from harness_generative.fitting import asked, fit_batches
from harness_generative.grey_images import split_of
from harness_generative.pictures import gif

if TYPE_CHECKING:
    import torch
    from torch import Tensor

EVALUATION_SEED = 4
CHUNK = 25
NUM_PREDICTED = 50
NUM_SHOWN = 9
POOLED = 8
"""Side of the grid of means that stands for a frame in `frame_features`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoTask:
    """Learn clips; draw some, and predict the rest of others from their first frames."""

    dataset: DatasetRequest
    data: VideoData
    num_given: int
    num_samples: int
    extra_splits: Mapping[str, str] = field(default_factory=dict)

    def describe(self) -> VideoData:
        return self.data

    def fit(
        self,
        learner: GenerativeLearner,
        data: Dataset | None,
        *,
        training: Training,
        budget: Budget,
        streams: Streams,
        device: torch.device,
        record: Record,
    ) -> FitOutcome:
        """Train on whole clips. Raises DataError where the test clips are too few to be judged by."""
        self._check_enough(data)
        batches = self._batches(split_of(data, "train"), training.batch_size, streams.numpy("batches"), device)
        return fit_batches(learner, batches, budget=budget, device=device, record=record)

    def evaluate(
        self, learner: GenerativeLearner, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """`squared`: for each clip and predicted frame the mean squared error of its pixels, by group `frame`; and
        `features` and `real_features` of the frames of samples and of the split's clips.

        Raises PluginError where the model's clips are not those that were asked for, Diverged where one is not finite.
        """
        import torch

        network = asked(learner, SamplesVideos)
        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        real = clips_of(split_of(data, split)["videos"])
        shown = real[: NUM_PREDICTED if split != "validation" else CHUNK]
        with torch.no_grad():
            predicted = self._predicted(network, shown, generator, device)
            drawn = self._drawn(network, self.num_samples if split != "validation" else CHUNK, generator)
        squared = (predicted - shown).double().square().mean(dim=(1, 3, 4))[:, self.num_given :].numpy()  # [N, T']
        frames = np.tile(np.arange(self.num_given, self.data.frames), len(squared))
        return Evidence(
            arrays={
                "squared": squared.ravel(),
                "features": frame_features(drawn),
                "real_features": frame_features(real),
            },
            groups={"frame": frames},
        )

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        """The error of repeating the last given frame, and of answering with the mean frame of training."""
        import torch

        clips = clips_of(split_of(data, "test")["videos"][:NUM_PREDICTED])
        mean = split_of(data, "train")["videos"].mean(axis=(0, 1)) / 255  # [H, W] or [H, W, 3]
        mean_frame = torch.from_numpy(np.atleast_3d(mean)).float().movedim(2, 0)[:, None]  # [C, 1, H, W]
        rest, last = clips[:, :, self.num_given :], clips[:, :, self.num_given - 1 : self.num_given]
        return {
            "last_frame": float((rest - last).square().mean()),
            "mean_frame": float((rest - mean_frame).square().mean()),
        }

    def reference_evidence(self, data: Dataset | None, device: torch.device) -> Iterator[tuple[str, Evidence]]:
        """As many training clips as are drawn, where they are enough for a covariance, and uniform noise, in place of
        samples."""
        import torch

        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        real = frame_features(clips_of(split_of(data, "test")["videos"]))
        train = split_of(data, "train")["videos"]
        chosen = torch.randperm(len(train), generator=generator)[: self.num_samples].sort().values.numpy()
        clips = clips_of(train[chosen])
        if len(clips) * (self.data.frames - 1) > real.shape[1]:
            features = frame_features(clips)
            yield "real_training_clips", Evidence(arrays={"features": features, "real_features": real})
        noise = frame_features(torch.rand(self.num_samples, *clips.shape[1:], generator=generator))
        yield "uniform_noise", Evidence(arrays={"features": noise, "real_features": real})

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> VideoBatch:
        train = split_of(data, "train")
        return next(self._batches(train, training.batch_size, np.random.default_rng(0), device))

    def illustrate(
        self, learner: GenerativeLearner, data: Dataset | None, *, training: Training, device: torch.device
    ) -> Mapping[str, bytes]:
        """Samples; and real clips beside what was predicted from their first frames."""
        import torch

        network = asked(learner, SamplesVideos)
        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        real = clips_of(split_of(data, "test")["videos"][:NUM_SHOWN])
        predicted = self._predicted(network, real, generator, device)
        pairs = torch.stack([real, predicted], dim=1).flatten(0, 1)
        return {
            "samples.gif": gif(self._drawn(network, NUM_SHOWN, generator).numpy()),
            "predictions.gif": gif(pairs.numpy(), columns=6),
        }

    def _drawn(self, network: SamplesVideos, count: int, generator: torch.Generator) -> Tensor:
        import torch

        parts = []
        for start in range(0, count, CHUNK):
            asked_for = min(CHUNK, count - start)
            drawn = network.sample(asked_for, generator)
            parts.append(check_clips(drawn, asked_for, self.data, f"{type(network).__name__}.sample"))
        return torch.cat(parts)

    def _predicted(
        self, network: SamplesVideos, clips: Tensor, generator: torch.Generator, device: torch.device
    ) -> Tensor:
        """What the model makes of the first frames of these clips."""
        import torch

        parts = []
        for part in clips.split(CHUNK):
            predicted = network.predict(part[:, :, : self.num_given].to(device), generator)
            parts.append(check_clips(predicted, len(part), self.data, f"{type(network).__name__}.predict"))
        return torch.cat(parts)

    def _check_enough(self, data: Dataset | None) -> None:
        count, width = len(split_of(data, "test")["videos"]), num_features(self.data.channels)
        if count * (self.data.frames - 1) <= width:
            raise DataError(
                f"{self.dataset.name}: {count} test clips of {self.data.frames} frames; more than "
                f"{width // (self.data.frames - 1)} are needed, or the covariance of the {width} numbers that describe "
                "a pair of frames is singular; give more or longer clips"
            )

    def _batches(
        self, arrays: Mapping[str, Array], batch_size: int, order: np.random.Generator, device: torch.device
    ) -> Iterator[VideoBatch]:
        import torch

        from harness.runtime.ordering import shuffled

        for chosen in shuffled(len(arrays["videos"]), batch_size, order):
            yield VideoBatch(
                inputs=clips_of(arrays["videos"][chosen]).to(device),
                targets=torch.from_numpy(arrays["labels"][chosen].astype(np.int64)).to(device),
            )


def clips_of(videos: Array) -> Tensor:
    """Bytes [N, T, H, W] or [N, T, H, W, 3] as float32 [N, C, T, H, W] from 0 to 1."""
    import torch

    clips = torch.from_numpy(np.array(videos)).float().div_(255)
    return clips[:, None] if clips.ndim == 4 else clips.movedim(4, 1)


def check_clips(clips: Tensor, count: int, data: VideoData, subject: str) -> Tensor:
    """The clips on the CPU in float32.

    Raises PluginError unless they are `count` of the data's shape with floats from 0 to 1, Diverged when one is not
    finite.
    """
    import torch

    from harness_generative.value_checks import check_pixels

    expected = [count, data.channels, data.frames, data.height, data.width]
    found = list(clips.shape) if isinstance(clips, torch.Tensor) else type(clips).__name__
    if found != expected:
        raise PluginError(
            f"{subject}: clips are {found}; {expected} (count, channels, frames, height, width) is expected; give as "
            "many as are asked for, of the size that the model was built for"
        )
    check_pixels(clips.flatten(0, 1), subject)
    return clips.float().cpu()


def num_features(channels: int) -> int:
    """How many numbers `frame_features` gives."""
    return 2 * channels * POOLED**2


def frame_features(videos: Tensor) -> Array:
    """What a frame looks like and how it changes: its means over an 8x8 grid and their difference to the next frame's,
    for every frame but the last of clips [N, C, T, H, W]; [N (T - 1), 2 C 64] in float32."""
    import torch
    import torch.nn.functional as F

    pooled = F.adaptive_avg_pool2d(videos.transpose(1, 2).flatten(0, 1), POOLED)  # [N T, C, 8, 8]
    frames = pooled.flatten(1).unflatten(0, (len(videos), -1))  # [N, T, C 64]
    pairs = torch.cat([frames[:, :-1], frames[:, 1:] - frames[:, :-1]], dim=2)
    found: Array = pairs.flatten(0, 1).numpy()
    return found
