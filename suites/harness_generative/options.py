"""The options of the generative tasks."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from harness.interfaces import DatasetRequest, ImageData, VideoData
from harness_data.digits import LEVELS
from harness_data.fashion_mnist import DEBIAN_FOLDER
from harness_data.options import Options


class GreyImagesOptions(Options):
    """Which grey images a model learns. Bytes become numbers from 0 to 1."""

    source: Literal["digits", "fashion_mnist"] = Field("digits", description="8x8 digits or 28x28 clothes")
    folder: str = Field("", description="folder of Fashion-MNIST's files; empty is the package's; the digits need none")

    @model_validator(mode="after")
    def _folder_is_read(self) -> GreyImagesOptions:
        if self.folder and self.source == "digits":
            raise ValueError(
                "folder is given with source=digits, which reads none; leave it out or name another source"
            )
        return self

    @property
    def brightest(self) -> int:
        """The byte that stands for 1."""
        return LEVELS - 1 if self.source == "digits" else 255

    def images(self) -> tuple[DatasetRequest, ImageData]:
        side = 8 if self.source == "digits" else 28
        options = {} if self.source == "digits" else {"folder": self.folder or DEBIAN_FOLDER}
        return DatasetRequest(name=self.source, options=options), ImageData(
            num_classes=10, channels=1, height=side, width=side
        )


class LikelihoodOptions(GreyImagesOptions):
    """How a likelihood is bounded."""

    samples: tuple[int, ...] = Field((1, 10, 100), min_length=1, description="importance samples of the bounds shown")


class DigitSamplesOptions(Options):
    """How many samples of digits are looked at."""

    num_samples: int = Field(10_000, gt=1, description="samples drawn for the metrics")


class FashionSamplesOptions(DigitSamplesOptions):
    """How many samples of clothes are looked at, and where the real ones are."""

    folder: str = Field("", description="folder of Fashion-MNIST's files; empty is the package's")


class CompletionOptions(GreyImagesOptions):
    """Which quadrants are given: 1 is the lower left, 2 the left half, 3 all but the lower right."""

    num_observed: Literal[1, 2, 3] = Field(1, description="quadrants that are given")
    samples: int = Field(100, gt=0, description="draws of the latent variables in each estimate")


class VideoOptions(Options):
    """Which clips a model learns."""

    source: Literal["moving_digits", "bouncing_shapes"] = Field("moving_digits", description="what moves")
    frames: int = Field(16, gt=1, description="frames of a clip")
    size: int = Field(32, gt=0, description="side of a frame in pixels")
    num_train: int = Field(2_000, gt=0, description="training clips")
    num_test: int = Field(500, gt=0, description="test clips")
    num_samples: int = Field(100, gt=1, description="clips drawn for the metrics")
    num_given: int = Field(4, gt=0, description="frames from which the rest is predicted")

    @model_validator(mode="after")
    def _something_is_left_to_predict(self) -> VideoOptions:
        if self.num_given >= self.frames:
            raise ValueError(
                f"num_given={self.num_given} of {self.frames} frames leaves none to predict; give fewer than frames"
            )
        return self

    def videos(self) -> tuple[DatasetRequest, VideoData]:
        sizes = {"frames": self.frames, "size": self.size, "num_train": self.num_train, "num_test": self.num_test}
        num_classes = 10 if self.source == "moving_digits" else 3
        data = VideoData(num_classes=num_classes, channels=1, frames=self.frames, height=self.size, width=self.size)
        return DatasetRequest(name=self.source, options=sizes), data
