"""Streamed moments are those of all vectors at once, whatever the batches and wherever the features lie."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from harness.errors import UsageError
from harness.runtime.fitting import Diverged
from harness_generative.feature_statistics import BATCH, FeatureStatistics


def features(count: int = 500, width: int = 6, seed: int = 0) -> torch.Tensor:
    """Correlated ones."""
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.randn(width, width, generator=generator)
    return torch.randn(count, width, generator=generator) @ mixing + torch.arange(width)


def streamed(rows: torch.Tensor, batch: int) -> FeatureStatistics:
    statistics = FeatureStatistics.empty(rows.shape[1])
    for part in rows.split(batch):
        statistics.update(part)
    return statistics


@pytest.mark.parametrize("count", [2, BATCH, 2 * BATCH + 1])
def test_moments_are_numpys(count: int) -> None:
    rows = features(count)
    statistics = FeatureStatistics.of(rows)
    assert statistics.count == count
    np.testing.assert_allclose(statistics.mean, rows.double().numpy().mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(statistics.covariance, np.cov(rows.double().numpy().T), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("batch", [1, 7, 64, 499])
def test_batch_size_does_not_matter(batch: int) -> None:
    rows = features()
    whole, parts = FeatureStatistics.of(rows), streamed(rows, batch)
    torch.testing.assert_close(parts.mean, whole.mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(parts.covariance, whole.covariance, rtol=1e-11, atol=1e-12)


def test_features_far_from_zero_keep_their_covariance() -> None:
    rows = features().double()
    near, far = streamed(rows, 50), streamed(rows + 1e7, 50)
    torch.testing.assert_close(far.covariance, near.covariance, rtol=1e-7, atol=1e-7)


def test_merged_statistics_are_those_of_all_vectors() -> None:
    first, second = features(300, seed=1), features(200, seed=2) + 3
    merged, whole = FeatureStatistics.of(first), FeatureStatistics.of(torch.cat([first, second]))
    merged.merge(FeatureStatistics.of(second))
    assert merged.count == 500
    torch.testing.assert_close(merged.mean, whole.mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(merged.covariance, whole.covariance, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("add", ["update", "merge"])
def test_nothing_added_changes_nothing(add: str) -> None:
    statistics = FeatureStatistics.of(features())
    before = statistics.mean.clone(), statistics.covariance
    {"update": lambda: statistics.update(torch.empty(0, 6)), "merge": lambda: statistics.merge(statistics.empty(6))}[
        add
    ]()
    torch.testing.assert_close((statistics.mean, statistics.covariance), before, rtol=0, atol=0)


def test_merging_into_nothing_is_a_copy() -> None:
    source, target = FeatureStatistics.of(features()), FeatureStatistics.empty(6)
    target.merge(source)
    torch.testing.assert_close(target.covariance, source.covariance, rtol=0, atol=0)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_number_that_is_not_finite_is_refused(number: float) -> None:
    rows = features()
    rows[17, 3] = number
    with pytest.raises(Diverged, match="features: not every number is finite"):
        FeatureStatistics.of(rows)


def test_refused_batch_leaves_the_statistics_as_they_were() -> None:
    statistics = FeatureStatistics.of(features())
    before = statistics.covariance
    with pytest.raises(Diverged):
        statistics.update(torch.full((2, 6), float("nan")))
    torch.testing.assert_close(statistics.covariance, before, rtol=0, atol=0)


def test_batch_of_another_width_is_refused() -> None:
    with pytest.raises(UsageError, match=r"features \[3, 5\] do not fit statistics of width 6"):
        FeatureStatistics.empty(6).update(torch.zeros(3, 5))


def test_statistics_of_another_width_are_not_merged() -> None:
    with pytest.raises(UsageError, match="width 5 and 6 cannot be merged"):
        FeatureStatistics.empty(6).merge(FeatureStatistics.empty(5))


def test_one_vector_has_no_covariance() -> None:
    with pytest.raises(UsageError, match="1 feature vectors have no covariance; at least 2"):
        _ = FeatureStatistics.of(torch.zeros(1, 6)).covariance
