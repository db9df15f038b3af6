"""All measures by the digits' extractor: real images stand better than noise, and worse images worse."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.interfaces import Evidence
from harness_data.digits import read_digits
from harness_generative import metrics
from harness_generative.extractors import Extractor, load_extractor
from harness_generative.neighbourhoods import neighbourhoods
from harness_generative.sample_evidence import look, overlap, seen


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return load_extractor("digits-cnn-v1")


@pytest.fixture(scope="module")
def images() -> Tensor:
    return torch.from_numpy(read_digits()["train"]["images"].astype(np.float32))[:, None] / 16


def evidence(extractor: Extractor, real: Tensor, others: Tensor) -> Evidence:
    found = look(extractor, real, others, "train")
    return Evidence(arrays={**seen(*found), **overlap(*found)})


@pytest.fixture(scope="module")
def of_real(images: Tensor, extractor: Extractor) -> Evidence:
    return evidence(extractor, images[:600], images[600:1150])


@pytest.fixture(scope="module")
def of_noise(images: Tensor, extractor: Extractor) -> Evidence:
    noise = torch.rand(600, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    return evidence(extractor, images[:600], noise)


@pytest.mark.parametrize("batch", [1, 64, 599])
def test_the_distance_does_not_depend_on_how_many_images_are_looked_at_at_once(of_real, images, extractor, batch):
    parts = [extractor.extract(part).features.numpy() for part in images[:600].split(batch)]
    arrays = {"real_features": np.concatenate(parts), "features": of_real.arrays["features"]}
    assert metrics.frechet(Evidence(arrays=arrays)).value == pytest.approx(metrics.frechet(of_real).value, rel=1e-6)


@pytest.mark.parametrize("distance", [metrics.frechet, metrics.kernel])
def test_other_real_images_are_far_nearer_than_noise(of_real, of_noise, distance):
    assert distance(of_real).value < 0.05 * distance(of_noise).value


@pytest.mark.parametrize("share", [metrics.precision, metrics.recall, metrics.coverage])
def test_other_real_images_overlap_and_noise_hardly_does(of_real, of_noise, share):
    assert share(of_real).value > 0.9
    assert share(of_noise).value < 0.45


@pytest.mark.parametrize(
    ("measure", "n"),
    [(metrics.precision, 550), (metrics.recall, 600), (metrics.density, 550), (metrics.coverage, 600)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_metrics_of_neighbourhoods_are_the_means_of_the_neighbourhoods(of_real, measure, n):
    real, generated = (torch.from_numpy(of_real.arrays[kind]) for kind in ("real_features", "features"))
    expected = asdict(neighbourhoods(real, generated))[measure.__name__].mean()
    found = measure(of_real)
    assert found.value == pytest.approx(float(expected), rel=1e-14)
    assert found.n == n


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
