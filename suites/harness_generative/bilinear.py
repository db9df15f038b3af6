"""Bilinear resizing as TensorFlow 1 does it, without which a Fréchet inception distance is another number."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def resized(images: Float[Tensor, "n c h w"], side: int) -> Float[Tensor, "n c side side"]:
    """Output pixel i reads input position i h / side: no half-pixel centres, corners not aligned, no antialiasing.

    That is `tf.image.resize_bilinear(align_corners=False)` of TensorFlow 1; `torch.nn.functional.interpolate` has no
    such mode. The last pixel repeats beyond the edge.
    """
    return _along_width(_along_width(images, side).mT, side).mT.contiguous()


def _along_width(images: Float[Tensor, "n c h w"], side: int) -> Float[Tensor, "n c h side"]:
    width = images.shape[3]
    # In float32 at every precision of the images, since TensorFlow computes positions in that.
    positions = torch.arange(side, dtype=torch.float32) * (torch.tensor(width, dtype=torch.float32) / side)
    left = positions.floor().long()
    right = (left + 1).clamp(max=width - 1)
    share = (positions - left).to(images)
    near, far = images[..., left.to(images.device)], images[..., right.to(images.device)]
    return near + (far - near) * share
