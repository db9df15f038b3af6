"""All measures by the digits' extractor: real images stand better than noise, and worse images worse."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.interfaces import Evidence
from harness_data.digits import read_digits
from harness_generative import metrics
from harness_generative.extractors import Extractor, load_extractor


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return load_extractor("digits-cnn-v1")


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.from_numpy(read_digits()["train"]["images"].astype(np.float32))[:, None] / 16


def evidence(extractor: Extractor, real: Tensor, others: Tensor) -> Evidence:
    seen = extractor.extract(others)
    return Evidence(
        arrays={
            "features": seen.features.numpy(),
            "probabilities": seen.probabilities.numpy(),
            "real_features": extractor.extract(real).features.numpy(),
        }
    )


@pytest.fixture(scope="module")
def of_real(images: Tensor, extractor: Extractor) -> Evidence:
    return evidence(extractor, images[:600], images[600:1200])


@pytest.fixture(scope="module")
def of_noise(images: Tensor, extractor: Extractor) -> Evidence:
    noise = torch.rand(600, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return evidence(extractor, images[:600], noise)


@pytest.mark.parametrize("distance", [metrics.frechet, metrics.kernel])
def test_other_real_images_are_far_nearer_than_noise(of_real, of_noise, distance):
    assert distance(of_real).value < 0.05 * distance(of_noise).value


@pytest.mark.parametrize("share", [metrics.precision, metrics.recall, metrics.coverage])
def test_other_real_images_overlap_and_noise_hardly_does(of_real, of_noise, share):
    assert share(of_real).value > 0.9
    assert share(of_noise).value < 0.45


def test_real_images_are_of_all_classes(of_real, of_noise):
    assert metrics.class_entropy(of_real).value == pytest.approx(np.log(10), abs=0.02)
    assert metrics.inception_score(of_real).value > 2 * metrics.inception_score(of_noise).value


def test_the_distance_rises_with_noise(images, extractor):
    noise = torch.randn(images[600:].shape, generator=torch.Generator().manual_seed(0))
    found = [
        metrics.frechet(evidence(extractor, images[:600], (images[600:] + scale * noise).clamp(0, 1))).value
        for scale in (0.0, 0.1, 0.2, 0.4)
    ]
    assert found == sorted(found)


def test_one_class_alone_is_seen(images, extractor):
    labels = torch.from_numpy(read_digits()["train"]["labels"].astype(np.int64))
    alone = evidence(extractor, images, images[labels == 3])
    assert metrics.class_entropy(alone).value < 0.2
    assert metrics.recall(alone).value < 0.4
