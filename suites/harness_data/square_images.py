"""Encoded images of any size as square arrays of bytes, by Pillow."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from harness.errors import DataError
from harness.interfaces import Array
from harness_data.files import read_bytes

if TYPE_CHECKING:
    from PIL import Image

Resize: TypeAlias = Literal["exact", "shorter_side"]

FORMATS = ("PNG", "JPEG", "BMP", "WEBP")


@dataclass(frozen=True, kw_only=True, slots=True)
class Square:
    """What every image becomes: `size` pixels a side, with one channel (grey) or three.

    With `resize="exact"` an image of another size is an error; with `shorter_side` its shorter side is scaled to
    `size` (bicubic) and the centre is cut out.
    """

    size: int
    channels: Literal[1, 3]
    resize: Resize

    @property
    def shape(self) -> tuple[int, ...]:
        """[H, W] or [H, W, 3]."""
        return (self.size, self.size) if self.channels == 1 else (self.size, self.size, 3)

    def describe(self) -> str:
        """What a row says about it."""
        how = "as they are" if self.resize == "exact" else "shorter side scaled (bicubic), centre cut out"
        return f"{self.size}x{self.size}x{self.channels}, {how}"


def read_square(path: Path, square: Square) -> Array:
    """The file's image as bytes of the square's shape. Raises DataError that names a file that is damaged or misfit."""
    from PIL import Image

    content = read_bytes(path)
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            return to_square(image, square, path)
    except decoding_errors() as error:
        raise DataError(
            f"{path}: the image cannot be read ({error}); a whole {', '.join(FORMATS)} is needed; fetch it again"
        ) from error


def decoding_errors() -> tuple[type[Exception], ...]:
    """What Pillow raises on bytes that are not what they should be."""
    from PIL import Image

    return OSError, SyntaxError, ValueError, EOFError, struct.error, zlib.error, Image.DecompressionBombError


def to_square(image: Image.Image, square: Square, source: object) -> Array:
    """The image as bytes of the square's shape, colours as Pillow converts them, transparency dropped."""
    from PIL import Image

    if image.mode == "F" or image.mode.startswith("I"):
        raise DataError(f"{source}: pixels of mode {image.mode}; 8 bits a channel are needed; convert the image")
    side = square.size
    if square.resize == "exact" and image.size != (side, side):
        raise DataError(
            f"{source}: {image.width}x{image.height} pixels (width x height); every image must have {side}x{side}; "
            "give resize=shorter_side to scale and crop, or the size that they have"
        )
    if image.has_transparency_data:
        image = image.convert("RGBA")
    plain = image.convert("L" if square.channels == 1 else "RGB")
    if plain.size != (side, side):
        width, height = (max(side, round(length * side / min(plain.size))) for length in plain.size)
        left, top = (width - side) // 2, (height - side) // 2
        scaled = plain.resize((width, height), Image.Resampling.BICUBIC)
        plain = scaled.crop((left, top, left + side, top + side))
    return np.asarray(plain)
