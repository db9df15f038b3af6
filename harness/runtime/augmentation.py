"""Augmentation of whole batches on their device."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class Augmentation:
    """What training changes at random; nothing by default.

    `shift` moves an image by up to that many pixels along each axis, `resized_crop` cuts out a rectangle of at least
    that share of its area, with sides in a ratio between 3/4 and 4/3, and scales it back (Szegedy et al. 2015, the crop
    that ViT is trained with), `flip` mirrors every other image, and `mixup` mixes each batch with itself in another
    order by a weight from Beta(mixup, mixup) (Zhang et al. 2017), labels likewise. 0 leaves each out.
    """

    shift: int = 0
    resized_crop: float = 0.0
    flip: bool = False
    mixup: float = 0.0

    def moved(self, images: UInt8[Tensor, "b c h w"], draws: np.random.Generator) -> UInt8[Tensor, "b c h w"]:
        """Cropped, then shifted and mirrored."""
        if self.resized_crop:
            images = cropped(images, boxes(len(images), images.shape[2:], self.resized_crop, draws))
        if not (self.shift or self.flip):
            return images
        offsets = draws.integers(-self.shift, self.shift + 1, (len(images), 2))
        mirrored = draws.random(len(images)) < (0.5 if self.flip else 0.0)
        return shifted(images, offsets, mirrored, self.shift)

    def mixed(
        self, images: Float[Tensor, "b c h w"], labels: Int[Tensor, " b"], num_classes: int, draws: np.random.Generator
    ) -> tuple[Float[Tensor, "b c h w"], Int[Tensor, " b"] | Float[Tensor, "b classes"]]:
        """Images and targets, mixed where that is asked for."""
        if not self.mixup:
            return images, labels
        weight = float(draws.beta(self.mixup, self.mixup))
        partner = torch.from_numpy(draws.permutation(len(images))).to(images.device)
        targets = F.one_hot(labels, num_classes).to(images.dtype)
        return images[partner].lerp_(images, weight), targets[partner].lerp_(targets, weight)


def shifted(
    images: UInt8[Tensor, "b c h w"], offsets: Int[np.ndarray, "b 2"], mirrored: Bool[np.ndarray, " b"], most: int
) -> UInt8[Tensor, "b c h w"]:
    """Each image moved up and left by its offsets, of at most `most` pixels, with zeros where nothing was; some of them
    mirrored besides."""
    batch, channels, height, width = images.shape
    padded = F.pad(images, (most, most, most, most)) if most else images
    row = np.arange(height) + most + offsets[:, :1]  # [b, h]
    column = np.arange(width)
    column = np.where(mirrored[:, None], column[::-1], column) + most + offsets[:, 1:]  # [b, w]
    # One gather of places counted through the padded image costs a third of shifting and mirroring in turn.
    places = row[:, :, None] * padded.shape[3] + column[:, None]  # [b, h, w]
    index = torch.from_numpy(places.reshape(batch, 1, -1)).to(images.device)
    return padded.flatten(2).gather(2, index.expand(-1, channels, -1)).view(batch, channels, height, width)


def boxes(count: int, size: tuple[int, ...], least: float, draws: np.random.Generator) -> Float[np.ndarray, "count 4"]:
    """Rectangles (top, left, height, width) as shares of the image, with areas between `least` and 1."""
    image_height, image_width = size
    area = draws.uniform(least, 1.0, count)
    ratio = np.exp(draws.uniform(np.log(3 / 4), np.log(4 / 3), count)) * image_height / image_width
    height, width = np.minimum(1.0, np.sqrt(area / ratio)), np.minimum(1.0, np.sqrt(area * ratio))
    top, left = draws.random(count) * (1 - height), draws.random(count) * (1 - width)
    return np.stack([top, left, height, width], axis=1)


def cropped(images: UInt8[Tensor, "b c h w"], rectangles: Float[np.ndarray, "b 4"]) -> UInt8[Tensor, "b c h w"]:
    """Each rectangle of its image, scaled bilinearly to the whole size."""
    top, left, height, width = torch.from_numpy(rectangles).float().to(images.device).unbind(1)
    zero = torch.zeros_like(top)
    # affine_grid's coordinates run from -1 to 1 across the image.
    across = torch.stack([width, zero, 2 * left + width - 1], dim=1)
    down = torch.stack([zero, height, 2 * top + height - 1], dim=1)
    grid = F.affine_grid(torch.stack([across, down], dim=1), list(images.shape), align_corners=False)
    read = F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return read.round().to(torch.uint8)
