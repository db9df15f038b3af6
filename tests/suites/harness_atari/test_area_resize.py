import numpy as np
import pytest

from harness_atari.area_resize import AreaResize


def test_whole_blocks_are_averaged():
    picture = np.random.default_rng(0).integers(0, 256, (6, 8), dtype=np.uint8)
    blocks = picture.reshape(2, 3, 4, 2).mean(axis=(1, 3))
    assert np.abs(AreaResize(6, 8, 2, 4)(picture) - blocks).max() <= 0.5


def test_parts_of_pixels_count_by_their_area():
    # Three pixels become two, each of one and a half of them.
    assert AreaResize(1, 3, 1, 2)(np.array([[30, 60, 120]], np.uint8)).tolist() == [[40, 100]]


@pytest.mark.parametrize("level", [0, 1, 254, 255])
def test_a_picture_of_one_level_keeps_it(level):
    picture = np.full((210, 160), level, np.uint8)
    assert (AreaResize(210, 160, 84, 84)(picture) == level).all()
