"""All measures together: real images stand better than noise, and worse images worse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.errors import UsageError
from harness_data.digits import read_digits
from harness_generative.class_scores import inception_score
from harness_generative.comparisons import Yardsticks, compare, yardsticks
from harness_generative.extractors import Extracted, Extractor, load_extractor
from harness_generative.feature_statistics import FeatureStatistics
from harness_generative.frechet_distance import frechet_distance
from harness_generative.neighbourhoods import neighbourhoods


class Remembering(Extractor):
    """An extractor that keeps the images it was given."""

    def __init__(self, extractor: Extractor) -> None:
        self._extractor = extractor
        self.given: list[Tensor] = []

    def extract(self, images: Tensor, *, subject: str = "images") -> Extracted:
        self.given.append(images)
        return self._extractor.extract(images, subject=subject)


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return load_extractor("digits-cnn-v1")


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.from_numpy(read_digits()["train"]["images"].astype(np.float32))[:, None] / 16


@pytest.fixture(scope="module")
def found(images: Tensor, extractor: Extractor) -> Yardsticks:
    return yardsticks(images, extractor, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("distance", ["frechet", "kernel"])
def test_floor_lies_far_below_the_ceiling(found: Yardsticks, distance: str) -> None:
    assert getattr(found.floor, distance) < 0.05 * getattr(found.ceiling, distance)


@pytest.mark.parametrize("share", ["precision", "recall", "coverage"])
def test_other_real_images_overlap_and_noise_hardly_does(found: Yardsticks, share: str) -> None:
    assert getattr(found.floor.neighbourhoods, share) > 0.9
    assert getattr(found.ceiling.neighbourhoods, share) < 0.45


def test_real_images_are_of_all_classes(found: Yardsticks) -> None:
    assert found.floor.class_coverage == 1
    assert found.floor.class_entropy_nats == pytest.approx(np.log(10), abs=0.02)


def test_halves_are_disjoint_and_noise_fills_the_range(images: Tensor, extractor: Extractor) -> None:
    remembering = Remembering(extractor)
    yardsticks(images[:301] * 0.5 + torch.arange(301)[:, None, None, None] / 1000, remembering, torch.Generator())
    first, second, noise = remembering.given
    assert len(torch.cat([first, second]).flatten(1).unique(dim=0)) == 300
    assert (len(first), len(second), len(noise)) == (150, 150, 150)
    assert float(noise.mean()) == pytest.approx(0.5, abs=0.02)


def test_halves_depend_on_the_generator_alone(images: Tensor, extractor: Extractor, found: Yardsticks) -> None:
    assert yardsticks(images, extractor, torch.Generator().manual_seed(0)) == found


def test_comparison_holds_each_measure(images: Tensor, extractor: Extractor) -> None:
    real, generated = extractor.extract(images[:600]), extractor.extract(1 - images[600:1200])
    both = compare(real, generated)
    assert both.frechet == frechet_distance(*(FeatureStatistics.of(one.features) for one in (real, generated)))
    assert both.neighbourhoods == neighbourhoods(real.features, generated.features)
    assert both.inception_score == inception_score(generated.probabilities)


def test_more_noise_is_farther(images: Tensor, extractor: Extractor) -> None:
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(1))
    real = extractor.extract(images)
    found = [
        compare(real, extractor.extract((images + scale * noise).clamp(0, 1))).frechet
        for scale in (0.0, 0.05, 0.1, 0.2, 0.4)
    ]
    assert found[0] == pytest.approx(0.0, abs=1e-6)
    assert found == sorted(found)


def test_too_few_images_are_refused(images: Tensor, extractor: Extractor) -> None:
    with pytest.raises(UsageError, match="64 images for 64 features"):
        yardsticks(images[:128], extractor, torch.Generator())
