"""Films of what an agent sees."""

from __future__ import annotations

import io

import numpy as np

from harness.interfaces import Array
from harness_atari.protocols import FRAMES_PER_SECOND

ENLARGED = 2
LEAST_MILLISECONDS = 20
"""Viewers slow films down whose pictures follow each other faster."""


def gif(pictures: Array, frames_each: int) -> bytes:
    """Grey pictures uint8 [T, H, W] as they were played, each for the time of that many frames, for ever again."""
    from PIL import Image

    # The format counts in hundredths of a second.
    milliseconds = max(LEAST_MILLISECONDS, 10 * round(100 * frames_each / FRAMES_PER_SECOND))
    large = pictures.repeat(ENLARGED, axis=1).repeat(ENLARGED, axis=2)
    films = [Image.fromarray(np.ascontiguousarray(picture)) for picture in large]
    file = io.BytesIO()
    films[0].save(file, format="GIF", save_all=True, append_images=films[1:], duration=milliseconds, loop=0)
    return file.getvalue()
