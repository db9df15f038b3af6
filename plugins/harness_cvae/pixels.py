"""The two parts of an image: x, the observed pixels, and y, the hidden ones."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from harness.interfaces import CompletionBatch

HIDDEN = -1.0
"""What networks read in place of a hidden pixel, so that it is not taken for a black one."""

PIXEL_AXES = (-3, -2, -1)


def given(batch: CompletionBatch) -> Float[Tensor, "batch channels height width"]:
    """x: the images with HIDDEN where nothing is given."""
    return torch.where(batch.observed.bool(), batch.inputs, HIDDEN)


def log_likelihood(
    logits: Float[Tensor, "samples batch channels height width"], batch: CompletionBatch
) -> Float[Tensor, "samples batch"]:
    """log p(y | x, z) in nats: Bernoulli, summed over the hidden pixels of all channels and over no others."""
    targets = batch.inputs.expand_as(logits)
    by_pixel = -F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (by_pixel * (1 - batch.observed)).sum(dim=PIXEL_AXES)


def completed(
    logits: Float[Tensor, "batch channels height width"], batch: CompletionBatch
) -> Float[Tensor, "batch channels height width"]:
    """The observed pixels as they are, and the expected hidden ones."""
    return torch.where(batch.observed.bool(), batch.inputs, torch.sigmoid(logits))


def with_nothing_observed(images: Float[Tensor, "batch channels height width"]) -> CompletionBatch:
    """The whole of each image is asked for."""
    return CompletionBatch(inputs=images, observed=images.new_zeros(images.shape[-2:]))
