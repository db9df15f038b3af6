"""The Fréchet distance: closed forms, invariances, and other implementations."""

from __future__ import annotations

import math

import pytest
import scipy.linalg
import torch
from torch import Tensor, nn

from harness.errors import UsageError
from harness_generative.feature_statistics import FeatureStatistics
from harness_generative.frechet_distance import frechet_distance, gaussian_distance

WIDTH = 8


class Unchanged(nn.Module):
    """Features that are given as images."""

    num_features = WIDTH

    def forward(self, features: Tensor) -> Tensor:
        return features


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def covariance(seed: int, width: int = WIDTH) -> Tensor:
    root = normal(width, width, seed=seed)
    return root @ root.T


def rotation(seed: int = 9) -> Tensor:
    return torch.linalg.qr(normal(WIDTH, WIDTH, seed=seed)).Q


def distance_of(first: Tensor, second: Tensor) -> float:
    return frechet_distance(FeatureStatistics.of(first), FeatureStatistics.of(second))


@pytest.fixture
def real() -> Tensor:
    return normal(400, WIDTH, seed=1) @ normal(WIDTH, WIDTH, seed=2)


@pytest.fixture
def generated() -> Tensor:
    return normal(300, WIDTH, seed=3) @ normal(WIDTH, WIDTH, seed=4) + 0.5


def test_one_dimension_is_the_difference_of_means_and_deviations() -> None:
    first, second = ((torch.tensor([m]), torch.tensor([[s**2]])) for m, s in ((1.0, 3.0), (-2.0, 0.5)))
    found = gaussian_distance(*(part.double() for part in (*first, *second)))
    assert found == pytest.approx(3.0**2 + 2.5**2, rel=1e-12)


def test_covariances_that_commute_give_the_difference_of_their_roots() -> None:
    axes, mean = rotation(), normal(WIDTH, seed=5)
    first, second = (normal(WIDTH, seed=seed).abs() for seed in (6, 7))
    found = gaussian_distance(mean, axes * first @ axes.T, torch.zeros(WIDTH).double(), axes * second @ axes.T)
    expected = mean.square().sum() + (first.sqrt() - second.sqrt()).square().sum()
    assert found == pytest.approx(float(expected), rel=1e-10)


def test_two_dimensions_have_a_closed_form() -> None:
    first, second = covariance(1, 2), covariance(2, 2)
    product = first @ second
    # The trace of a 2x2 root follows from trace and determinant.
    root_trace = math.sqrt(product.trace() + 2 * math.sqrt(torch.linalg.det(product)))
    found = gaussian_distance(torch.zeros(2).double(), first, torch.ones(2).double(), second)
    assert found == pytest.approx(2 + float(first.trace() + second.trace()) - 2 * root_trace, rel=1e-10)


def test_matrix_square_root_of_scipy_gives_the_same() -> None:
    first, second = covariance(1), covariance(2)
    root = scipy.linalg.sqrtm((first @ second).numpy())
    found = gaussian_distance(torch.zeros(WIDTH).double(), first, torch.zeros(WIDTH).double(), second)
    assert found == pytest.approx(float(first.trace() + second.trace()) - 2 * root.trace().real, rel=1e-9)


def test_equal_gaussians_are_at_no_distance() -> None:
    mean, same = normal(WIDTH), covariance(1)
    assert gaussian_distance(mean, same, mean, same) < 1e-12 * float(same.trace())


@pytest.mark.parametrize("order", [1, -1])
def test_distance_to_a_point_is_the_variance(order: int) -> None:
    spread, point = covariance(1), torch.zeros(WIDTH, WIDTH).double()
    first, second = (spread, point)[::order]
    mean = torch.zeros(WIDTH).double()
    assert gaussian_distance(mean, first, mean, second) == pytest.approx(float(spread.trace()), rel=1e-12)


def test_distance_is_symmetric(real: Tensor, generated: Tensor) -> None:
    assert distance_of(real, generated) == pytest.approx(distance_of(generated, real), rel=1e-10)


def test_rotating_and_moving_both_sets_changes_nothing(real: Tensor, generated: Tensor) -> None:
    moved = [rows @ rotation() + 5 for rows in (real, generated)]
    assert distance_of(*moved) == pytest.approx(distance_of(real, generated), rel=1e-9)


def test_scaling_both_sets_scales_the_distance_by_the_square(real: Tensor, generated: Tensor) -> None:
    assert distance_of(3 * real, 3 * generated) == pytest.approx(9 * distance_of(real, generated), rel=1e-10)


def test_moved_copy_is_as_far_as_it_moved(real: Tensor) -> None:
    shift = normal(WIDTH, seed=8)
    assert distance_of(real, real + shift) == pytest.approx(float(shift.square().sum()), rel=1e-9)


def test_feature_that_never_varies_counts_only_by_its_mean(real: Tensor, generated: Tensor) -> None:
    first, second = (
        torch.cat([rows, torch.full((len(rows), 1), value).double()], 1) for rows, value in ((real, 2), (generated, 5))
    )
    assert distance_of(first, second) == pytest.approx(distance_of(real, generated) + 9, rel=1e-9)


def test_batch_size_does_not_matter(real: Tensor, generated: Tensor) -> None:
    streamed = FeatureStatistics.empty(WIDTH)
    for batch in generated.split(7):
        streamed.update(batch)
    found = frechet_distance(FeatureStatistics.of(real), streamed)
    assert found == pytest.approx(distance_of(real, generated), rel=1e-10)


def test_torchmetrics_gives_the_same(real: Tensor, generated: Tensor) -> None:
    from torchmetrics.image.fid import FrechetInceptionDistance

    theirs = FrechetInceptionDistance(feature=Unchanged(), normalize=True).set_dtype(torch.float64)
    theirs.update(real, real=True)
    theirs.update(generated, real=False)
    assert distance_of(real, generated) == pytest.approx(float(theirs.compute()), rel=1e-6)


def test_vectors_of_known_moments_give_the_distance_of_their_gaussians() -> None:
    axes, scales = rotation(), (normal(WIDTH, seed=6).abs() + 0.1, normal(WIDTH, seed=7).abs() + 0.1)
    means = normal(WIDTH, seed=10), normal(WIDTH, seed=11)
    # White vectors, exactly: of mean zero and of covariance one.
    white = torch.linalg.qr(normal(400, WIDTH, seed=12) - normal(400, WIDTH, seed=12).mean(dim=0)).Q * math.sqrt(399)
    first, second = (white * scale @ axes.T + mean for scale, mean in zip(scales, means, strict=True))
    expected = (means[0] - means[1]).square().sum() + (scales[0] - scales[1]).square().sum()
    assert distance_of(first, second) == pytest.approx(float(expected), rel=1e-10)


def test_a_copied_feature_counts_twice(real: Tensor, generated: Tensor) -> None:
    # A feature and its copy are, rotated, one feature of twice the variance and one of none.
    first, second = (torch.cat([rows, rows[:, :1]], dim=1) for rows in (real, generated))
    stretched = [torch.cat([rows[:, :1] * math.sqrt(2), rows[:, 1:]], dim=1) for rows in (real, generated)]
    assert distance_of(first, second) == pytest.approx(distance_of(*stretched), rel=1e-7)


@pytest.mark.parametrize("order", [1, -1])
def test_singular_and_regular_covariances_agree_with_scipy(order: int) -> None:
    flat = normal(WIDTH, 3, seed=1)
    first, second = (flat @ flat.T, covariance(2))[::order]
    values = scipy.linalg.eigvals((first @ second).numpy()).real.clip(min=0)
    expected = float(first.trace() + second.trace()) - 2 * float((values**0.5).sum())
    mean = torch.zeros(WIDTH).double()
    assert gaussian_distance(mean, first, mean, second) == pytest.approx(expected, rel=1e-6)


def test_too_few_images_are_refused(real: Tensor) -> None:
    with pytest.raises(UsageError, match="8 images for 8 features: the covariance is singular"):
        distance_of(real, real[:WIDTH])


def test_features_of_two_extractors_are_refused(real: Tensor) -> None:
    with pytest.raises(UsageError, match="width 8 and 7 cannot be compared"):
        distance_of(real, real[:, 1:])
