"""What must hold of images and features before they are measured."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from harness.errors import PluginError
from harness.runtime.fitting import Diverged


def check_finite(values: Float[Tensor, ...], subject: str) -> None:
    """Raises Diverged that names the subject when a number is NaN or infinite."""
    if not bool(torch.isfinite(values).all()):
        raise Diverged(f"{subject}: not every number is finite; the model that made them has diverged")


def check_pixels(images: Float[Tensor, "n c h w"], subject: str) -> None:
    """Raises PluginError unless the images are floats from 0 to 1, and Diverged when one is not finite."""
    if not images.is_floating_point():
        raise PluginError(
            f"{subject}: pixels are {images.dtype}; floats from 0 to 1 are expected; divide by the highest level"
        )
    if images.ndim != 4 or not images.numel():
        raise PluginError(f"{subject} are {list(images.shape)}; [N, channels, height, width] with N > 0 is expected")
    check_finite(images, subject)
    lowest, highest = float(images.min()), float(images.max())
    if lowest < 0 or highest > 1:
        raise PluginError(
            f"{subject}: pixels lie from {lowest:.4g} to {highest:.4g}; 0 to 1 is expected; "
            "give (images + 1) / 2 where a model draws from -1 to 1"
        )
