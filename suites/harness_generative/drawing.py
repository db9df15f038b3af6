"""Samples of a network, refused as soon as they are drawn when they cannot be measured."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from harness.errors import PluginError
from harness.interfaces import ImageData, SamplesImages
from harness.runtime.fitting import Diverged
from harness_generative.value_checks import check_pixels

EVALUATION_SEED = 3
CHUNK = 500
"""Samples that are drawn at a time."""

NUM_TRIED = 2


def draw(network: SamplesImages, count: int) -> Float[Tensor, "count c h w"]:
    """Samples in float32 on the CPU. The first ones are the same however many are drawn up to a chunk.

    Raises Diverged that counts the samples with a number that is not finite, after the first chunk that has one.
    """
    generator = torch.Generator().manual_seed(EVALUATION_SEED)
    parts = []
    with torch.no_grad():
        for start in range(0, count, CHUNK):
            drawn = network.sample(min(CHUNK, count - start), generator).float().cpu()
            broken = int((~drawn.isfinite()).flatten(1).any(dim=1).sum())
            if broken:
                raise Diverged(
                    f"samples: {broken} of the {len(drawn)} drawn after {start} hold a number that is not finite; the "
                    "model has diverged; take a smaller learning rate"
                )
            parts.append(drawn)
    return torch.cat(parts)


def check_drawing(network: SamplesImages, data: ImageData) -> None:
    """Raises PluginError unless a network draws images of this size from 0 to 1, which it need not be trained for."""
    drawn = draw(network, NUM_TRIED)
    expected = [NUM_TRIED, data.channels, data.height, data.width]
    if list(drawn.shape) != expected:
        raise PluginError(
            f"{type(network).__name__} draws {list(drawn.shape)}; {expected} is expected; build it for the data that "
            "the task describes"
        )
    check_pixels(drawn, f"samples of the untrained {type(network).__name__}")
