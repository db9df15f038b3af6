"""Clips of a square, a disc or a triangle that moves in a straight line and bounces off the borders."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from harness.interfaces import Array, BuiltDataset, Streams
from harness.specs import Tier
from harness_data.motion import reflected
from harness_data.options import Options

NUM_SHAPES = 3
SMALLEST, LARGEST = 0.15, 0.25
"""Half the side of a shape, as a share of the frame."""


class BouncingShapesConfig(Options):
    """How long and large the clips are, and how many of them there are."""

    frames: int = Field(16, description="frames of a clip", gt=0)
    size: int = Field(32, description="side of a frame in pixels", gt=3)
    max_speed: float = Field(3.0, description="largest speed along an axis, in pixels a frame of 32", gt=0)
    num_train: int = Field(2_000, description="training clips", gt=0)
    num_validation: int = Field(200, description="validation clips", gt=0)
    num_test: int = Field(500, description="test clips", gt=0)


def build(config: BouncingShapesConfig, streams: Streams) -> BuiltDataset:
    """`videos` uint8 [N, frames, size, size] with values 0 and 255, and `labels` [N]: square, disc, triangle."""
    counts = {"train": config.num_train, "validation": config.num_validation, "test": config.num_test}
    return BuiltDataset(
        splits={split: _clips(config, count, streams.numpy(f"shapes {split}")) for split, count in counts.items()},
        tier=Tier.EMBEDDED,
        provenance=f"generated shapes bouncing through {config.size}x{config.size} pixels",
    )


def _clips(config: BouncingShapesConfig, count: int, generator: np.random.Generator) -> dict[str, Array]:
    labels = generator.integers(0, NUM_SHAPES, count)
    radius = generator.uniform(SMALLEST, LARGEST, count) * config.size
    room = config.size - 2 * radius
    start = generator.uniform(0, 1, (count, 2)) * room[:, None]
    speed = generator.uniform(-1, 1, (count, 2)) * config.max_speed * config.size / 32
    times = np.arange(config.frames)[:, None]
    pixels = np.arange(config.size) + 0.5
    videos = np.empty((count, config.frames, config.size, config.size), dtype=np.uint8)
    for clip in range(count):
        centre = reflected(start[clip] + times * speed[clip], float(room[clip])) + radius[clip]  # [T, 2]
        down = pixels[None, :, None] - centre[:, 0, None, None]  # [T, H, 1]
        across = pixels[None, None, :] - centre[:, 1, None, None]  # [T, 1, W]
        videos[clip] = 255 * inside(int(labels[clip]), down / radius[clip], across / radius[clip])
    return {"videos": videos, "labels": labels.astype(np.uint8)}


def inside(shape: int, down: Array, across: Array) -> Array:
    """Whether places relative to the centre, in units of the radius, lie in the square, the disc or the triangle."""
    within: Array
    if shape == 0:
        within = np.maximum(abs(down), abs(across)) <= 1
    elif shape == 1:
        within = down**2 + across**2 <= 1
    else:
        within = (abs(down) <= 1) & (abs(across) <= (down + 1) / 2)
    return within
