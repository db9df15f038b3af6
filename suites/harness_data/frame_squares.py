"""Frames of any size as small squares of bytes, by the mean of the area that a pixel covers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.errors import DataError
from harness.interfaces import Array

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, kw_only=True, slots=True)
class FrameSquare:
    """What every frame becomes: `size` pixels a side, with one channel (grey) or three.

    Colours become grey with the weights 0.299, 0.587 and 0.114; grey is repeated for three channels.
    """

    size: int
    channels: Literal[1, 3]

    @property
    def shape(self) -> tuple[int, ...]:
        """[H, W] or [H, W, 3]."""
        return (self.size, self.size) if self.channels == 1 else (self.size, self.size, 3)

    def cut(self, frame: Array, source: object) -> Array:
        """The largest square in the centre of a frame uint8 [H, W] or [H, W, 3], made smaller.

        Raises DataError that names the source when the frame has fewer pixels than are asked for.
        """
        height, width = frame.shape[:2]
        side = min(height, width)
        if side < self.size:
            raise DataError(
                f"{source}: frames are {width}x{height} pixels (width x height); size={self.size} asks for more than "
                f"there are; give a size of at most {side}"
            )
        top, left = (height - side) // 2, (width - side) // 2
        return self._shrink(frame[top : top + side, left : left + side])

    def squeeze(self, frame: Array) -> Array:
        """The whole frame uint8 [H, W] or [H, W, 3], whatever its shape, as a square."""
        return self._shrink(frame)

    def _shrink(self, frame: Array) -> Array:
        from PIL import Image

        image: Image.Image = Image.fromarray(np.ascontiguousarray(frame))
        plain = image.convert("L" if self.channels == 1 else "RGB")
        return np.asarray(plain.resize((self.size, self.size), Image.Resampling.BOX))
