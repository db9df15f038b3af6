from itertools import islice

import numpy as np
import pytest
import torch

from harness.errors import DataError
from harness.interfaces import Dataset
from harness.runtime.seeding import SeedStreams
from harness.specs import Tier
from harness_generative.grey_images import GreyImages, binarised
from harness_generative.references import independent_pixels

CPU = torch.device("cpu")


def arrays(count: int = 40, seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    return {
        "images": generator.integers(0, 17, (count, 8, 8), dtype=np.uint8),
        "labels": np.arange(count, dtype=np.uint8) % 10,
    }


def dataset() -> Dataset:
    return Dataset(
        name="made",
        splits={"train": arrays(), "test": arrays(seed=1)},
        tier=Tier.EMBEDDED,
        provenance="",
        licence="",
        digest="",
        facts={},
    )


def trained(images: GreyImages, count: int, seed: int = 0) -> torch.Tensor:
    batches = images.training(dataset(), 10, SeedStreams(seed), CPU)
    return torch.cat([batch.inputs for batch in islice(batches, count)])


def test_the_brightest_pixel_is_one():
    grey = GreyImages(brightest=16).grey(np.array([[[0, 8], [16, 4]]], dtype=np.uint8))
    assert grey.tolist() == [[[[0.0, 0.5], [1.0, 0.25]]]]


def test_a_pixel_beyond_the_brightest_is_refused():
    with pytest.raises(DataError, match="a pixel is 17; the brightest of these images is 16"):
        GreyImages(brightest=16).grey(np.array([[[17]]], dtype=np.uint8))


def test_binarised_pixels_are_on_as_often_as_they_are_bright():
    drawn = binarised(np.full((20_000, 1), 0.3, dtype=np.float32), np.random.default_rng(0))
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert drawn.mean() == pytest.approx(0.3, abs=0.01)


def test_resampled_images_differ_from_epoch_to_epoch():
    images = GreyImages(brightest=16, binarisation="resampled")
    shown = trained(images, 8).flatten(1)
    assert len(shown.unique(dim=0)) == 80


def test_fixed_images_are_the_same_in_every_epoch():
    images = GreyImages(brightest=16, binarisation="fixed")
    assert len(trained(images, 8).flatten(1).unique(dim=0)) == 40


@pytest.mark.parametrize("binarisation", ["resampled", "fixed"])
def test_held_out_images_are_the_same_whatever_the_protocol_of_training(binarisation):
    images = GreyImages(brightest=16, binarisation=binarisation)
    other = GreyImages(brightest=16, binarisation="fixed")
    assert np.array_equal(images.held_out(dataset(), "test"), other.held_out(dataset(), "test"))


def test_batches_hold_every_held_out_image_once_in_order():
    images = GreyImages(brightest=16)
    shown = torch.cat([batch.inputs for batch in images.batches(dataset(), "test", 7, CPU)])
    assert np.array_equal(shown.numpy(), images.held_out(dataset(), "test"))


def test_independent_pixels_have_the_likelihood_of_their_frequencies():
    train = np.array([[0.0, 1.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    # One pseudo-count on either side: (1 + 1) / 6 and (3 + 1) / 6.
    expected = np.log(4 / 6) + np.log(4 / 6)
    assert independent_pixels(train, np.array([[0.0, 1.0]])) == pytest.approx(expected, rel=1e-12)
