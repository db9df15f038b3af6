"""Pathfinder: what the label means, that it cannot be read off brightness, and how contours are made."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.interfaces import BuiltDataset
from harness.runtime.seeding import SeedStreams
from harness_long_context.pathfinder import PathfinderConfig, build
from harness_long_context.pathfinder_contours import Drawings, draw
from harness_long_context.pathfinder_stamps import REACH, Stamps, make_stamps, reduce

NUM_IMAGES = 3000


@pytest.fixture(scope="module")
def stamps() -> Stamps:
    return make_stamps()


@pytest.fixture(scope="module")
def drawings(stamps: Stamps) -> Drawings:
    return draw(np.random.default_rng(0), stamps, NUM_IMAGES, 14)


@pytest.fixture(scope="module")
def marker_ends(drawings: Drawings) -> np.ndarray:
    """The two marked pixels of each image [N, 2, 2]."""
    rows = np.arange(NUM_IMAGES)
    return np.stack(
        [drawings.tips[rows, drawings.marked[:, 0], 0], drawings.tips[rows, drawings.marked[:, 1], -1]], axis=1
    )


def test_label_says_whether_one_contour_bears_both_markers(drawings: Drawings) -> None:
    assert np.array_equal(drawings.labels == 1, drawings.marked[:, 0] == drawings.marked[:, 1])


def test_labels_are_balanced(drawings: Drawings) -> None:
    assert abs(drawings.labels.mean() - 0.5) < 5 * 0.5 / math.sqrt(NUM_IMAGES)


def test_label_is_not_visible_in_mean_brightness(drawings: Drawings) -> None:
    means = drawings.images.mean(axis=(1, 2))
    parts = [means[drawings.labels == label] for label in (0, 1)]
    error = math.sqrt(sum(part.var() / len(part) for part in parts))
    assert abs(parts[0].mean() - parts[1].mean()) < 4 * error
    assert 24 < means.mean() < 32


def test_markers_are_bright_discs_at_the_marked_ends(drawings: Drawings, marker_ends: np.ndarray) -> None:
    rows = np.arange(NUM_IMAGES)[:, None]
    padded = np.pad(drawings.images, ((0, 0), (1, 1), (1, 1)))
    brightness = [
        padded[rows, 1 + marker_ends[..., 0] + dy, 1 + marker_ends[..., 1] + dx]
        for dy, dx in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))
    ]
    inside = (marker_ends > 0).all(axis=-1) & (marker_ends < 31).all(axis=-1)
    assert inside.all()
    # A marker has brightness 1 in its middle where the brightest paddle has 1.2 to 1.5.
    assert brightness[0].min() > 255 * 0.6
    assert np.min(brightness) > 255 * 0.3


def test_every_paddle_of_the_contours_is_drawn(drawings: Drawings) -> None:
    rows = np.arange(NUM_IMAGES)[:, None, None]
    assert (drawings.images[rows, drawings.tips[..., 0], drawings.tips[..., 1]] > 0).all()


def test_paddles_follow_each_other_closely(drawings: Drawings) -> None:
    steps = np.diff(drawings.tips.astype(float), axis=2)
    distance = np.hypot(steps[..., 0], steps[..., 1])
    # A pivot lies four pixels on, the next end three from it; rounding adds up to one in each coordinate.
    assert distance[:, :, 1:].max() <= 2 * 3 + math.sqrt(2)


def test_contours_are_smooth(drawings: Drawings) -> None:
    steps = np.diff(drawings.tips.astype(float), axis=2)[:, :, 1:]
    before, after = steps[:, :, :-1], steps[:, :, 1:]
    norms = np.hypot(before[..., 0], before[..., 1]) * np.hypot(after[..., 0], after[..., 1])
    cosine = (before * after).sum(axis=-1)[norms > 0] / norms[norms > 0]
    # A walk without continuity would have a mean of about zero.
    assert cosine.mean() > 0.6


def test_contours_keep_apart_in_nearly_all_images(drawings: Drawings) -> None:
    first, second = drawings.tips[:, 0, :, None].astype(float), drawings.tips[:, 1, None].astype(float)
    gap = np.hypot(*np.moveaxis(first - second, -1, 0)).min(axis=(1, 2))
    # As in the original, the paddles that both contours gained last do not see each other, so a few pairs cross.
    assert 0.04 < np.mean(gap < 1) < 0.12


def test_the_contour_seeds_are_seven_pixels_apart(drawings: Drawings) -> None:
    between = (drawings.tips[:, 0, 0] - drawings.tips[:, 1, 0]).astype(float)
    assert np.abs(np.hypot(between[:, 0], between[:, 1]) - 7).max() <= math.sqrt(0.5) + 1e-9


@pytest.mark.parametrize("contour_length", [6, 9], ids=["easy", "intermediate"])
def test_easier_images_have_shorter_contours(stamps: Stamps, contour_length: int) -> None:
    assert draw(np.random.default_rng(1), stamps, 3, contour_length).tips.shape == (3, 2, contour_length, 2)


def test_reducing_keeps_a_constant_image() -> None:
    assert np.allclose(reduce(np.full((18, 18), 200.0), 9), 200 / 255)


def test_a_paddle_is_lit_from_its_start_in_its_direction(stamps: Stamps) -> None:
    light = stamps.light[180]  # zero degrees: to the right
    assert light[REACH, REACH : REACH + 3].min() > 0.3
    assert light[:, : REACH - 1].max() < 0.1


def test_a_paddle_occupies_what_it_lights(stamps: Stamps) -> None:
    assert stamps.shade[stamps.light > 0.3].min() > 0.9


@pytest.fixture(scope="module")
def built() -> BuiltDataset:
    return build(PathfinderConfig(num_train=60, num_validation=20, num_test=20), SeedStreams(0, "tests"))


def test_sequences_are_the_pixels_row_by_row(built: BuiltDataset, stamps: Stamps) -> None:
    images = draw(SeedStreams(0, "tests").numpy("test"), stamps, 20, 14).images
    assert np.array_equal(built.splits["test"]["inputs"].reshape(20, 32, 32), images)


def test_no_image_is_in_two_splits(built: BuiltDataset) -> None:
    rows = np.concatenate([arrays["inputs"] for arrays in built.splits.values()])
    assert len(np.unique(rows, axis=0)) == len(rows) == 100
