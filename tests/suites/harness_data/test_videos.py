import numpy as np
import pytest
from pydantic import ValidationError

from harness.runtime.seeding import SeedStreams
from harness_data import bouncing_shapes, moving_digits
from harness_data.bouncing_shapes import BouncingShapesConfig, inside
from harness_data.digits import read_digits
from harness_data.motion import reflected
from harness_data.moving_digits import MovingDigitsConfig

COUNTS = {"num_train": 30, "num_validation": 5, "num_test": 10}


def digits(**options):
    return moving_digits.build(MovingDigitsConfig(**COUNTS, **options), SeedStreams(0, "moving_digits"))


def shapes(**options):
    return bouncing_shapes.build(BouncingShapesConfig(**COUNTS, **options), SeedStreams(0, "bouncing_shapes"))


@pytest.mark.parametrize("build", [digits, shapes])
@pytest.mark.parametrize(("frames", "size"), [(1, 16), (16, 32), (5, 64)])
def test_clips_have_the_asked_shape(build, frames, size):
    train = build(frames=frames, size=size).splits["train"]
    assert train["videos"].shape == (30, frames, size, size)
    assert train["videos"].dtype == np.uint8
    assert train["labels"].shape == (30,)


@pytest.mark.parametrize("build", [digits, shapes])
def test_clips_are_the_same_every_time(build):
    first, second = build().splits, build().splits
    assert all(np.array_equal(first[split]["videos"], second[split]["videos"]) for split in first)


def test_every_frame_holds_the_whole_digit():
    videos = digits(size=32).splits["train"]["videos"].astype(int)
    brightness = videos.sum(axis=(2, 3))
    assert (brightness == brightness[:, :1]).all()


def test_a_digit_is_one_of_its_own_split():
    test = digits(size=16, frames=1).splits["test"]
    tested = {
        image.tobytes() for image in (read_digits()["test"]["images"].astype(np.uint16) * 255 // 16).astype(np.uint8)
    }
    corner_by_corner = [
        video[0, top : top + 8, left : left + 8].tobytes()
        for video in test["videos"]
        for top in range(9)
        for left in range(9)
    ]
    assert sum(patch in tested for patch in corner_by_corner) >= len(test["videos"])


def test_digits_move_in_most_frames():
    videos = digits().splits["train"]["videos"]
    moved = (videos[:, 1:] != videos[:, :-1]).any(axis=(2, 3))
    assert moved.mean() > 0.7


def test_overlapping_digits_show_the_brighter_one():
    assert digits(num_digits=3).splits["train"]["videos"].max() == 255


def test_motion_folds_at_both_walls():
    assert reflected(np.array([-1.0, 0.0, 3.0, 5.0, 6.0, 10.0, 11.0]), 5.0).tolist() == [1, 0, 3, 5, 4, 0, 1]


def test_nothing_moves_without_room():
    assert reflected(np.array([3.0, -2.0]), 0.0).tolist() == [0, 0]


@pytest.mark.parametrize(("shape", "share"), [(0, 1.0), (1, np.pi / 4), (2, 0.5)])
def test_shapes_cover_their_share_of_the_square_around_them(shape, share):
    places = (np.arange(2000) + 0.5) / 1000 - 1
    assert inside(shape, places[:, None], places[None]).mean() == pytest.approx(share, abs=1e-3)


def test_a_size_that_cuts_pixels_is_refused_with_the_next_one():
    with pytest.raises(ValidationError, match=r"size=40 is not a multiple of 16.*use size=48"):
        MovingDigitsConfig(size=40)
