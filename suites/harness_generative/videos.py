"""Clips: what follows the given frames, and whether samples look and move like real ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

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
        """Train on whole clips."""
        batches = self._batches(split_of(data, "train"), training.batch_size, streams.numpy("batches"), device)
        return fit_batches(learner, batches, budget=budget, device=device, record=record)

    def evaluate(
        self, learner: GenerativeLearner, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """`squared`: for each clip and predicted frame the mean squared error of its pixels, by group `frame`; and
        `features` and `real_features` of the frames of samples and of the split's clips."""
        import torch

        network = asked(learner, SamplesVideos)
        generator = torch.Generator().manual_seed(EVALUATION_SEED)
        real = self._clips(split_of(data, split)["videos"])
        shown = real[: NUM_PREDICTED if split != "validation" else CHUNK]
        with torch.no_grad():
            predicted = torch.cat(
                [
                    network.predict(part[:, :, : self.num_given].to(device), generator).float().cpu()
                    for part in shown.split(CHUNK)
                ]
            )
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
        clips = self._clips(split_of(data, "test")["videos"][:NUM_PREDICTED])
        mean = self._clips(split_of(data, "train")["videos"]).mean(dim=(0, 2), keepdim=True)
        rest, last = clips[:, :, self.num_given :], clips[:, :, self.num_given - 1 : self.num_given]
        return {
            "last_frame": float((rest - last).square().mean()),
            "mean_frame": float((rest - mean).square().mean()),
        }

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
        real = self._clips(split_of(data, "test")["videos"][:NUM_SHOWN])
        predicted = network.predict(real[:, :, : self.num_given].to(device), generator).float().cpu()
        pairs = torch.stack([real, predicted], dim=1).flatten(0, 1)
        return {
            "samples.gif": gif(self._drawn(network, NUM_SHOWN, generator).numpy()),
            "predictions.gif": gif(pairs.numpy(), columns=6),
        }

    def _drawn(self, network: SamplesVideos, count: int, generator: torch.Generator) -> Tensor:
        import torch

        parts = [network.sample(min(CHUNK, count - start), generator).float().cpu() for start in range(0, count, CHUNK)]
        return torch.cat(parts)

    def _batches(
        self, arrays: Mapping[str, Array], batch_size: int, order: np.random.Generator, device: torch.device
    ) -> Iterator[VideoBatch]:
        import torch

        from harness.runtime.ordering import shuffled

        for chosen in shuffled(len(arrays["videos"]), batch_size, order):
            yield VideoBatch(
                inputs=self._clips(arrays["videos"][chosen]).to(device),
                targets=torch.from_numpy(arrays["labels"][chosen].astype(np.int64)).to(device),
            )

    def _clips(self, videos: Array) -> Tensor:
        """Bytes [N, T, H, W] as float32 [N, 1, T, H, W] from 0 to 1."""
        import torch

        return torch.from_numpy(np.array(videos)).float().div_(255)[:, None]


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
