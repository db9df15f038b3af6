"""Clips of real digits that move in straight lines and bounce off the borders."""

from __future__ import annotations

import numpy as np
from pydantic import Field, model_validator

from harness.interfaces import Array, BuiltDataset, Streams
from harness.specs import Tier
from harness_data.digits import LEVELS, read_digits
from harness_data.motion import reflected
from harness_data.options import Options

SIDE = 8
CANVAS_IN_DIGITS = 2
"""How many digits fit along a side of the frame."""


class MovingDigitsConfig(Options):
    """How long and large the clips are, and how many of them there are."""

    frames: int = Field(16, description="frames of a clip", gt=0)
    size: int = Field(32, description="side of a frame in pixels; a multiple of 16", gt=0)
    num_digits: int = Field(1, description="digits in a clip; where they overlap the brighter one shows", gt=0)
    max_speed: float = Field(3.0, description="largest speed along an axis, in pixels a frame of 32", gt=0)
    num_train: int = Field(2_000, description="training clips", gt=0)
    num_validation: int = Field(200, description="validation clips", gt=0)
    num_test: int = Field(500, description="test clips", gt=0)

    @model_validator(mode="after")
    def _digits_scale_whole(self) -> MovingDigitsConfig:
        unit = SIDE * CANVAS_IN_DIGITS
        if self.size % unit:
            raise ValueError(
                f"size={self.size} is not a multiple of {unit}; every pixel of a digit becomes a whole square; use "
                f"size={-(-self.size // unit) * unit}"
            )
        return self


def build(config: MovingDigitsConfig, streams: Streams) -> BuiltDataset:
    """`videos` uint8 [N, frames, size, size] and `labels` [N], the class of the first digit.

    The digits of a split's clips are those of the same split of `digits`, so that no test digit is trained on.
    """
    counts = {"train": config.num_train, "validation": config.num_validation, "test": config.num_test}
    digits = read_digits()
    splits = {
        split: _clips(config, digits[split]["images"], digits[split]["labels"], count, streams.numpy(f"moving {split}"))
        for split, count in counts.items()
    }
    return BuiltDataset(
        splits=splits,
        tier=Tier.EMBEDDED,
        provenance=f"{config.num_digits} of scikit-learn's digits moving through {config.size}x{config.size} pixels",
    )


def _clips(
    config: MovingDigitsConfig, images: Array, labels: Array, count: int, generator: np.random.Generator
) -> dict[str, Array]:
    scale = config.size // (SIDE * CANVAS_IN_DIGITS)
    room = config.size - SIDE * scale
    # From grey levels 0..16 to 0..255, every pixel a square of `scale` pixels.
    large = (
        (images.astype(np.uint16) * 255 // (LEVELS - 1)).astype(np.uint8).repeat(scale, axis=1).repeat(scale, axis=2)
    )
    chosen = generator.integers(0, len(images), (count, config.num_digits))
    start = generator.uniform(0, room, (count, config.num_digits, 2))
    speed = generator.uniform(-1, 1, (count, config.num_digits, 2)) * config.max_speed * config.size / 32
    times = np.arange(config.frames)[:, None, None, None]
    places = np.rint(reflected(start + times * speed, room)).astype(np.int64)  # [T, N, digits, 2]
    videos = np.zeros((count, config.frames, config.size, config.size), dtype=np.uint8)
    for clip in range(count):
        for digit, index in enumerate(chosen[clip]):
            for frame in range(config.frames):
                top, left = places[frame, clip, digit]
                patch = videos[clip, frame, top : top + SIDE * scale, left : left + SIDE * scale]
                np.maximum(patch, large[index], out=patch)
    return {"videos": videos, "labels": labels[chosen[:, 0]].astype(np.uint8)}
