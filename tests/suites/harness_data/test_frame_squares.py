"""Frames as squares: means of areas, the centre, and channels."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import DataError
from harness_data.frame_squares import FrameSquare

GREY = FrameSquare(size=4, channels=1)
COLOURS = FrameSquare(size=4, channels=3)


def frame(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_a_pixel_is_the_mean_of_its_area() -> None:
    pixels = frame(12, 12)
    means = pixels.reshape(4, 3, 4, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(GREY.cut(pixels, "x"), means, atol=1)


@pytest.mark.parametrize(
    ("shape", "inside"),
    [
        pytest.param((4, 10), np.s_[:, 3:7], id="wide"),
        pytest.param((9, 4), np.s_[2:6], id="high"),
        pytest.param((4, 10, 3), np.s_[:, 3:7], id="wide-colours"),
    ],
)
def test_the_centre_is_cut_out(shape: tuple[int, ...], inside: tuple[slice, ...]) -> None:
    pixels = frame(*shape)
    square = FrameSquare(size=4, channels=3 if len(shape) == 3 else 1)
    assert np.array_equal(square.cut(pixels, "x"), pixels[inside])


def test_a_squeezed_frame_keeps_its_borders() -> None:
    pixels = np.zeros((8, 4), np.uint8)
    pixels[0], pixels[-1] = 200, 100
    assert GREY.squeeze(pixels)[[0, -1]].tolist() == [[100] * 4, [50] * 4]


def test_colours_become_grey_by_their_weights() -> None:
    red, green, blue = (np.broadcast_to(np.eye(3, dtype=np.uint8)[i] * 255, (4, 4, 3)) for i in range(3))
    assert [int(GREY.cut(colour, "x")[0, 0]) for colour in (red, green, blue)] == [76, 150, 29]


def test_grey_is_repeated_for_colours() -> None:
    pixels = frame(4, 4)
    assert np.array_equal(COLOURS.cut(pixels, "x"), np.stack([pixels] * 3, axis=-1))


@pytest.mark.parametrize("square", [GREY, COLOURS], ids=["grey", "colours"])
def test_squares_have_the_shape_that_is_promised(square: FrameSquare) -> None:
    assert square.cut(frame(9, 7, 3), "x").shape == square.shape


def test_too_small_frames_are_refused_with_the_largest_size() -> None:
    with pytest.raises(DataError, match=r"film\.gif: frames are 9x3 pixels .*at most 3"):
        GREY.cut(frame(3, 9), "film.gif")
