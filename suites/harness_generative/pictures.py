"""Grids of images as PNG and of clips as GIF."""

from __future__ import annotations

import io
import math

import numpy as np

from harness.interfaces import Array

MARGIN = 1
LEAST_SIDE = 24
"""Small images are enlarged by whole pixels to at least this side."""

FRAME_MILLISECONDS = 100


def grid(images: Array, columns: int | None = None) -> Array:
    """Images [N, C, H, W] from 0 to 1 beside and below each other, as bytes [H', W'] or [H', W', 3]."""
    count, channels, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    sheet = np.full((rows * (height + MARGIN) + MARGIN, columns * (width + MARGIN) + MARGIN, channels), 128, np.uint8)
    shown = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8).transpose(0, 2, 3, 1)  # [N, H, W, C]
    for index, image in enumerate(shown):
        top = MARGIN + (index // columns) * (height + MARGIN)
        left = MARGIN + (index % columns) * (width + MARGIN)
        sheet[top : top + height, left : left + width] = image
    factor = max(1, math.ceil(LEAST_SIDE / min(height, width)))
    large = sheet.repeat(factor, axis=0).repeat(factor, axis=1)
    return large[..., 0] if channels == 1 else large


def png(images: Array, columns: int | None = None) -> bytes:
    """A grid of images [N, C, H, W] from 0 to 1."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(grid(images, columns)).save(file, format="PNG", optimize=True)
    return file.getvalue()


def gif(videos: Array, columns: int | None = None) -> bytes:
    """A grid of clips [N, C, T, H, W] from 0 to 1 that repeats for ever."""
    from PIL import Image

    frames = [Image.fromarray(grid(videos[:, :, frame], columns)) for frame in range(videos.shape[2])]
    file = io.BytesIO()
    frames[0].save(file, format="GIF", save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0)
    return file.getvalue()
