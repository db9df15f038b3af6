"""The kernel distance: its definition pair by pair, no bias, and torchmetrics."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from harness.errors import UsageError
from harness.runtime.fitting import Diverged
from harness_generative import pairs
from harness_generative.kernel_distance import kernel_distance, kernel_distance_of_subsets

WIDTH = 5


class Unchanged(nn.Module):
    """Features that are given as images."""

    num_features = WIDTH

    def forward(self, features: Tensor) -> Tensor:
        return features


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_pairs(first: Tensor, second: Tensor) -> float:
    """The definition, one pair after the other."""

    def kernel(x: Tensor, y: Tensor) -> float:
        return (float(x @ y) / len(x) + 1) ** 3

    within = [
        sum(kernel(x, y) for x, y in itertools.permutations(rows, 2)) / (len(rows) * (len(rows) - 1))
        for rows in (first, second)
    ]
    between = sum(kernel(x, y) for x, y in itertools.product(first, second)) / (len(first) * len(second))
    return sum(within) - 2 * between


@pytest.fixture
def real() -> Tensor:
    return normal(40, WIDTH, seed=1)


@pytest.fixture
def generated() -> Tensor:
    return 1.5 * normal(30, WIDTH, seed=2) + 0.3


def test_every_pair_counts_as_the_definition_says(real: Tensor, generated: Tensor) -> None:
    assert kernel_distance(real, generated) == pytest.approx(by_pairs(real, generated), rel=1e-11)


def test_blocks_do_not_matter(real: Tensor, generated: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = kernel_distance(real, generated)
    monkeypatch.setattr(pairs, "BLOCK_NUMBERS", 7 * len(real))
    assert kernel_distance(real, generated) == pytest.approx(whole, rel=1e-11)


def test_distance_is_symmetric(real: Tensor, generated: Tensor) -> None:
    assert kernel_distance(real, generated) == pytest.approx(kernel_distance(generated, real), rel=1e-11)


def test_rotating_both_sets_changes_nothing(real: Tensor, generated: Tensor) -> None:
    axes = torch.linalg.qr(normal(WIDTH, WIDTH, seed=3)).Q
    assert kernel_distance(real @ axes, generated @ axes) == pytest.approx(kernel_distance(real, generated), rel=1e-10)


def test_sets_of_one_distribution_are_at_no_distance_in_the_mean() -> None:
    found = torch.tensor([kernel_distance(*normal(2, 10, WIDTH, seed=seed)) for seed in range(500)])
    assert abs(float(found.mean())) < 3 * float(found.std()) / len(found) ** 0.5


@pytest.mark.filterwarnings("ignore:Metric .* will save all extracted features")
def test_torchmetrics_gives_the_same_for_one_whole_subset(real: Tensor, generated: Tensor) -> None:
    from torchmetrics.image.kid import KernelInceptionDistance

    theirs = KernelInceptionDistance(feature=Unchanged(), subsets=1, subset_size=30, normalize=True)
    theirs.update(real[:30], real=True)
    theirs.update(generated, real=False)
    assert kernel_distance(real[:30], generated) == pytest.approx(float(theirs.compute()[0]), rel=1e-5)


def test_subset_as_large_as_the_sets_is_the_whole_estimate(real: Tensor, generated: Tensor) -> None:
    found = kernel_distance_of_subsets(real[:30], generated, torch.Generator(), subsets=3, size=30)
    assert found.mean == pytest.approx(kernel_distance(real[:30], generated), rel=1e-10)
    assert found.deviation == pytest.approx(0.0, abs=1e-12)


def test_subsets_estimate_the_same_in_the_mean(real: Tensor, generated: Tensor) -> None:
    found = kernel_distance_of_subsets(real, generated, torch.Generator().manual_seed(0), subsets=800, size=10)
    assert abs(found.mean - kernel_distance(real, generated)) < 3 * found.deviation / 800**0.5


def test_subsets_depend_on_the_generator_alone(real: Tensor, generated: Tensor) -> None:
    first, second = (
        kernel_distance_of_subsets(real, generated, torch.Generator().manual_seed(4), subsets=5, size=10)
        for _ in range(2)
    )
    assert first == second


def test_subsets_larger_than_a_set_are_refused(real: Tensor, generated: Tensor) -> None:
    with pytest.raises(UsageError, match="subsets of 31; the smaller set has 30 images"):
        kernel_distance_of_subsets(real, generated, torch.Generator(), size=31)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        pytest.param(torch.zeros(1, WIDTH), "sets of 40 and 1 images; at least 2", id="one-image"),
        pytest.param(torch.zeros(9, WIDTH + 1), "width 5 and 6", id="width"),
    ],
)
def test_sets_that_cannot_be_compared_are_refused(real: Tensor, other: Tensor, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        kernel_distance(real, other)


def test_number_that_is_not_finite_is_refused(real: Tensor) -> None:
    with pytest.raises(Diverged, match="features: not every number is finite"):
        kernel_distance(real, torch.full((9, WIDTH), float("nan")))
