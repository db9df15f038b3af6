"""Pathfinder: are the two marked points ends of one dashed contour? Read pixel by pixel (Long Range Arena)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from harness.interfaces import BuiltDataset, Streams
from harness.specs import Tier
from harness_long_context.sampling import Arrays, ExampleCounts, draw_splits

LENGTH = 32 * 32
GREY_LEVELS = 256


class PathfinderConfig(ExampleCounts):
    """LRA reports the contour length 14 with 160000, 20000 and 20000 images."""

    contour_length: Literal[6, 9, 14] = Field(14, description="paddles of a target contour: 6 easy, 9, 14 hard")


def build(config: PathfinderConfig, streams: Streams) -> BuiltDataset:
    """Inputs are the 1024 grey levels row by row; the label says whether one contour bears both markers."""
    # Imported here, so that reading the options of a suite does not load the compiler.
    from harness_long_context.pathfinder_contours import draw
    from harness_long_context.pathfinder_stamps import make_stamps

    stamps = make_stamps()

    def draw_images(generator: np.random.Generator, count: int) -> Arrays:
        drawings = draw(generator, stamps, count, config.contour_length)
        return {"inputs": drawings.images.reshape(count, LENGTH), "labels": drawings.labels}

    return BuiltDataset(
        splits=draw_splits(draw_images, config.counts(), streams),
        tier=Tier.EMBEDDED,
        provenance=f"generated; Pathfinder32 with contour length {config.contour_length}",
        facts={"chance": 0.5},
    )
