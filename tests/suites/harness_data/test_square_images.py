"""Decoding and squaring: lossless formats give the pixels back, scaling agrees with torch's, damage is named."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from harness.errors import DataError
from harness_data.square_images import Square, read_square, to_square

COLOURS = Square(size=24, channels=3, resize="exact")
GREY = Square(size=24, channels=1, resize="exact")


def drawn(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def smooth(height: int, width: int) -> np.ndarray:
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    waves = [np.sin(7 * rows + 3 * columns), np.cos(5 * columns), np.sin(4 * rows * columns)]
    return np.round(127.5 + 120 * np.stack(waves, axis=-1)).astype(np.uint8)


def encoded(pixels: np.ndarray, form: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, form, lossless=True)
    return stream.getvalue()


@pytest.mark.parametrize("form", ["PNG", "BMP", "WEBP"])
def test_lossless_file_gives_its_pixels(tmp_path: Path, form: str) -> None:
    (tmp_path / "image").write_bytes(encoded(drawn(24, 24), form))
    assert np.array_equal(read_square(tmp_path / "image", COLOURS), drawn(24, 24))


def test_jpeg_gives_nearly_its_pixels(tmp_path: Path) -> None:
    Image.fromarray(smooth(24, 24)).save(tmp_path / "image.jpg", quality=100, subsampling=0)
    read = read_square(tmp_path / "image.jpg", COLOURS)
    assert np.abs(read.astype(int) - smooth(24, 24)).max() <= 4


def test_grey_image_has_three_equal_colours() -> None:
    grey = drawn(24, 24)[:, :, 0]
    assert np.array_equal(to_square(Image.fromarray(grey), COLOURS, "image"), np.stack([grey] * 3, axis=-1))


def test_grey_image_stays_grey() -> None:
    grey = drawn(24, 24)[:, :, 0]
    assert np.array_equal(to_square(Image.fromarray(grey), GREY, "image"), grey)


def test_colours_become_luma() -> None:
    luma = drawn(24, 24) @ np.array([0.299, 0.587, 0.114])
    assert np.abs(to_square(Image.fromarray(drawn(24, 24)), GREY, "image") - luma).max() <= 0.51


@pytest.mark.parametrize("mode", ["P", "RGBA", "LA"])
def test_transparency_is_dropped(mode: str) -> None:
    image = Image.new("RGBA", (24, 24), (40, 40, 40, 0)).convert(mode)
    assert np.array_equal(to_square(image, COLOURS, "image"), np.full((24, 24, 3), 40))


def test_palette_with_transparent_entries_gives_its_colours() -> None:
    image = Image.new("P", (24, 24), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.info["transparency"] = b"\xff\x00"
    assert to_square(image, COLOURS, "image")[0, 0].tolist() == [10, 20, 30]


@pytest.mark.parametrize(("height", "width"), [(24, 40), (41, 24), (96, 131), (12, 20)])
@pytest.mark.parametrize("square", [COLOURS, GREY], ids=["colours", "grey"])
def test_scaling_agrees_with_torch(height: int, width: int, square: Square) -> None:
    scaling = Square(size=24, channels=square.channels, resize="shorter_side")
    image = Image.fromarray(smooth(height, width)).convert("RGB" if square.channels == 3 else "L")
    pixels = torch.from_numpy(np.array(image)).float().reshape(1, height, width, -1).movedim(-1, 1)
    size = [max(24, round(length * 24 / min(height, width))) for length in (height, width)]
    scaled = torch.nn.functional.interpolate(pixels, size=size, mode="bicubic", antialias=True).clamp(0, 255)
    top, left = (size[0] - 24) // 2, (size[1] - 24) // 2
    expected = scaled[0, :, top : top + 24, left : left + 24].movedim(0, -1).numpy()
    read = to_square(image, scaling, "image")
    assert read.shape == scaling.shape
    assert np.abs(read.reshape(expected.shape) - expected).max() <= 1.5


def test_image_of_the_right_size_is_not_touched_by_scaling() -> None:
    scaling = Square(size=24, channels=3, resize="shorter_side")
    assert np.array_equal(to_square(Image.fromarray(drawn(24, 24)), scaling, "image"), drawn(24, 24))


def test_crop_is_central() -> None:
    pixels = np.zeros((24, 48, 3), dtype=np.uint8)
    pixels[:, 12:36] = drawn(24, 24)
    scaling = Square(size=24, channels=3, resize="shorter_side")
    assert np.array_equal(to_square(Image.fromarray(pixels), scaling, "image"), drawn(24, 24))


def test_other_size_is_refused_with_the_way_out() -> None:
    with pytest.raises(DataError, match=r"cat.png: 30x20 pixels .* must have 24x24; give resize=shorter_side"):
        to_square(Image.fromarray(drawn(20, 30)), COLOURS, "cat.png")


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_more_than_eight_bits_are_refused(dtype: type) -> None:
    with pytest.raises(DataError, match=r"cat\.png: pixels of mode"):
        to_square(Image.fromarray(np.zeros((24, 24), dtype=dtype)), GREY, "cat.png")


def jpeg_cut_short() -> bytes:
    return encoded(drawn(24, 24), "JPEG")[:-40]


def png_cut_short() -> bytes:
    return encoded(drawn(24, 24), "PNG")[:-40]


def png_with_a_changed_pixel() -> bytes:
    """Stored without compression, so that only a checksum tells."""
    stream = io.BytesIO()
    Image.fromarray(drawn(24, 24)).save(stream, "PNG", compress_level=0)
    content = bytearray(stream.getvalue())
    content[600] ^= 0xFF
    return bytes(content)


def jpeg_without_its_header() -> bytes:
    return bytes(20) + encoded(drawn(24, 24), "JPEG")[20:]


def gif() -> bytes:
    return encoded(drawn(24, 24), "GIF")


@pytest.mark.parametrize(
    "make", [jpeg_cut_short, png_cut_short, png_with_a_changed_pixel, jpeg_without_its_header, bytes, gif]
)
def test_damaged_image_is_named(tmp_path: Path, make: Callable[[], bytes]) -> None:
    (tmp_path / "cat.jpg").write_bytes(make())
    with pytest.raises(DataError, match=r"cat\.jpg: the image cannot be read"):
        read_square(tmp_path / "cat.jpg", COLOURS)


def test_missing_image_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.png cannot be read"):
        read_square(tmp_path / "nowhere.png", COLOURS)
