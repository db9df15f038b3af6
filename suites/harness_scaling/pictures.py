"""Training on images and clips of growing size, and drawing images in a growing number of steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from harness.errors import PluginError
from harness.interfaces import (
    ClassifierLearner,
    GenerativeLearner,
    ImageBatch,
    ImageData,
    SamplesImages,
    Training,
    VideoBatch,
    VideoData,
)
from harness.runtime.cost_curves import CostCurveTask, Workload
from harness.runtime.learning import DefaultClassifierLearner
from harness_scaling.options import ImageOptions, SamplingOptions, VideoOptions


class EmptyClassifier(nn.Module):
    """The same scores for every image: what surrounds a model costs as much, the model nothing."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(num_classes))

    def forward(self, images: Tensor) -> Tensor:
        return self.scores.expand(len(images), -1)


@dataclass(kw_only=True)
class ImageTask(CostCurveTask):
    """A step of training a classifier that was built for images of this side."""

    options: ImageOptions

    @property
    def along(self) -> str:
        return "side"

    @property
    def points(self) -> Sequence[int]:
        return self.options.sides

    def describe(self) -> ImageData:
        return self.data(self.options.sides[-1])

    def data(self, side: int) -> ImageData:
        options = self.options
        return ImageData(num_classes=options.num_classes, channels=options.channels, height=side, width=side)

    def workloads(self, learner: ClassifierLearner, training: Training, device: torch.device) -> Iterator[Workload]:
        empty = DefaultClassifierLearner(
            EmptyClassifier(self.options.num_classes).to(device), training=replace(training, compile=False), steps=1
        )
        for side in self.points:
            sized = self.measured_with.build(self.data(side), {})
            generator = torch.Generator().manual_seed(0)
            shape = (self.options.batch, self.options.channels, side, side)
            images = torch.randn(shape, generator=generator).to(device)
            targets = torch.randint(self.options.num_classes, (self.options.batch,), generator=generator).to(device)
            batch = ImageBatch(inputs=images, targets=targets)
            yield Workload(
                call=partial(sized.train_step, batch),
                module=sized.module,
                examples=self.options.batch,
                units=self.options.batch * side * side,
                empty=partial(empty.train_step, batch),
            )


@dataclass(kw_only=True)
class VideoTask(CostCurveTask):
    """A step of training a model that was built for clips of this many frames."""

    options: VideoOptions

    @property
    def along(self) -> str:
        return "frames"

    @property
    def points(self) -> Sequence[int]:
        return self.options.frames

    def describe(self) -> VideoData:
        return self.data(self.options.frames[-1])

    def data(self, frames: int) -> VideoData:
        options = self.options
        return VideoData(
            num_classes=1, channels=options.channels, frames=frames, height=options.side, width=options.side
        )

    def workloads(self, learner: GenerativeLearner, training: Training, device: torch.device) -> Iterator[Workload]:
        for frames in self.points:
            sized = self.measured_with.build(self.data(frames), {})
            generator = torch.Generator().manual_seed(0)
            shape = (self.options.batch, self.options.channels, frames, self.options.side, self.options.side)
            clips = torch.rand(shape, generator=generator).to(device)
            targets = torch.zeros(self.options.batch, dtype=torch.long, device=device)
            yield Workload(
                call=partial(sized.train_step, VideoBatch(inputs=clips, targets=targets)),
                module=sized.module,
                examples=self.options.batch,
                units=self.options.batch * frames,
            )


@dataclass(kw_only=True)
class SamplingTask(CostCurveTask):
    """Drawing images with a sampler of this many steps."""

    options: SamplingOptions

    @property
    def along(self) -> str:
        return "steps"

    @property
    def points(self) -> Sequence[int]:
        return self.options.steps

    def describe(self) -> ImageData:
        options = self.options
        return ImageData(num_classes=1, channels=options.channels, height=options.side, width=options.side)

    def workloads(self, learner: GenerativeLearner, training: Training, device: torch.device) -> Iterator[Workload]:
        for steps in self.points:
            sized: Any = self.measured_with.build(self.describe(), {self.options.steps_option: steps})
            network: nn.Module = sized.evaluated.eval()
            if not isinstance(network, SamplesImages):
                raise PluginError(f"{type(network).__name__} declares samples_images but has no method `sample`")
            yield Workload(
                call=partial(_drawn, network, self.options.batch),
                module=network,
                examples=self.options.batch,
                units=self.options.batch,
            )


@torch.no_grad()
def _drawn(network: SamplesImages, count: int) -> Tensor:
    return network.sample(count, torch.Generator().manual_seed(0))
