"""The options of the task on clips."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from pydantic import Field, model_validator

from harness.interfaces import DatasetRequest, VideoData
from harness_data.options import Options
from harness_generative.videos import num_features

DATASETS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "moving_digits": ("moving_digits", 10),
        "bouncing_shapes": ("bouncing_shapes", 3),
        "atari": ("atari_clips", 1),
        "local": ("local_clips", 1),
    }
)
"""The dataset of each source and its number of classes."""


class VideoOptions(Options):
    """Which clips a model learns."""

    source: Literal["moving_digits", "bouncing_shapes", "atari", "local"] = Field(
        "moving_digits", description="what moves: digits, shapes, an Atari game, or what a folder holds"
    )
    frames: int = Field(16, gt=1, description="frames of a clip")
    size: int = Field(32, gt=0, description="side of a frame in pixels")
    channels: Literal[1, 3] = Field(1, description="1 for grey; 3 for colours, which atari and local have")
    game: str = Field("", description="game of source=atari; empty is pong")
    folder: str = Field("", description="folder of source=local")
    stride: int = Field(1, gt=0, description="of source=local: frames from one that is taken to the next")
    num_train: int = Field(2_000, gt=0, description="training clips; of source=local at most")
    num_test: int = Field(500, gt=0, description="test clips; of source=local at most")
    num_samples: int = Field(100, gt=1, description="clips drawn for the metrics")
    num_given: int = Field(4, gt=0, description="frames from which the rest is predicted")

    @model_validator(mode="after")
    def _something_is_left_to_predict(self) -> VideoOptions:
        if self.num_given >= self.frames:
            raise ValueError(
                f"num_given={self.num_given} of {self.frames} frames leaves none to predict; give fewer than frames"
            )
        return self

    @model_validator(mode="after")
    def _what_is_given_is_read(self) -> VideoOptions:
        given = {
            "channels": (self.channels != 1, ("atari", "local")),
            "game": (bool(self.game), ("atari",)),
            "folder": (bool(self.folder), ("local",)),
            "stride": (self.stride != 1, ("local",)),
        }
        for name, (is_given, readers) in given.items():
            if is_given and self.source not in readers:
                raise ValueError(
                    f"{name} is given with source={self.source}, which does not read it; leave it out or give "
                    f"source={' or '.join(readers)}"
                )
        if self.source == "local" and not self.folder:
            raise ValueError("source=local reads a folder of clips and none is given; give its path with folder")
        return self

    @model_validator(mode="after")
    def _frames_are_enough_for_a_covariance(self) -> VideoOptions:
        pairs = self.frames - 1
        least = num_features(self.channels) // pairs + 1
        for name, count in (("num_samples", self.num_samples), ("num_test", self.num_test)):
            if count < least:
                raise ValueError(
                    f"{name}={count} clips of {self.frames} frames give {count * pairs} pairs of frames, and "
                    f"frechet_pooled_frames needs more than the {num_features(self.channels)} numbers that describe "
                    f"one; give {name}={least} or more, or longer clips"
                )
        return self

    def videos(self) -> tuple[DatasetRequest, VideoData]:
        """The dataset that holds the clips, and what a model is built for."""
        name, num_classes = DATASETS[self.source]
        options: dict[str, Any] = {
            "frames": self.frames,
            "size": self.size,
            "num_train": self.num_train,
            "num_test": self.num_test,
        }
        if self.source == "atari":
            options |= {"channels": self.channels, "game": self.game or "pong"}
        if self.source == "local":
            options |= {"channels": self.channels, "folder": self.folder, "stride": self.stride}
        data = VideoData(
            num_classes=num_classes, channels=self.channels, frames=self.frames, height=self.size, width=self.size
        )
        return DatasetRequest(name=name, options=options), data
