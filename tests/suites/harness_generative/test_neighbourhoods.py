"""Precision, recall, density and coverage: by hand, by brute force, and in expectation."""

from __future__ import annotations

import math
from dataclasses import asdict

import pytest
import torch
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from harness.errors import UsageError
from harness.runtime.fitting import Diverged
from harness_generative import pairs
from harness_generative.neighbourhoods import Neighbourhoods, neighbourhoods


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def column(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)[:, None]


def shares(found: Neighbourhoods) -> dict[str, float]:
    """The means, which are the measures."""
    return {
        "precision": float(found.precision.mean()),
        "recall": float(found.recall.mean()),
        "density": float(found.density.mean()),
        "coverage": float(found.coverage.mean()),
    }


def with_scikit_learn(real: Tensor, generated: Tensor, k: int) -> dict[str, float]:
    """The same from scikit-learn's distances, which are not of squared lengths."""

    def radii(rows: Tensor) -> Tensor:
        distances, _ = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rows).kneighbors()
        return torch.from_numpy(distances[:, -1])

    distances = torch.cdist(real, generated, compute_mode="donot_use_mm_for_euclid_dist")
    in_real, in_generated = distances <= radii(real)[:, None], distances <= radii(generated)
    return {
        "precision": float(in_real.any(dim=0).double().mean()),
        "recall": float(in_generated.any(dim=1).double().mean()),
        "density": float(in_real.double().sum()) / (k * len(generated)),
        "coverage": float(in_real.any(dim=1).double().mean()),
    }


def test_a_line_counted_by_hand() -> None:
    # Balls of real: 1 around 0, 1 around 1, 3 around 4; of generated: 0.5 around 0.5, 0.5 around 1, 8 around 9.
    found = neighbourhoods(column(0, 1, 4), column(0.5, 1, 9), neighbours=1)
    assert (found.precision.tolist(), found.density.tolist()) == ([1, 1, 0], [2, 3, 0])
    assert (found.recall.tolist(), found.coverage.tolist()) == ([1, 1, 1], [1, 1, 1])


@pytest.mark.parametrize("k", [1, 3, 5])
def test_scikit_learns_neighbours_give_the_same(k: int) -> None:
    real, generated = normal(120, 4, seed=1), 0.8 * normal(90, 4, seed=2) + 0.4
    found = shares(neighbourhoods(real, generated, neighbours=k))
    assert found == pytest.approx(with_scikit_learn(real, generated, k), rel=1e-14)


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    real, generated = normal(60, 4, seed=1), normal(50, 4, seed=2)
    whole = neighbourhoods(real, generated)
    monkeypatch.setattr(pairs, "BLOCK_NUMBERS", 7 * len(real))
    torch.testing.assert_close(asdict(neighbourhoods(real, generated)), asdict(whole), rtol=0, atol=0)


def test_moving_both_sets_changes_nothing() -> None:
    real, generated = normal(60, 4, seed=1), normal(50, 4, seed=2)
    moved = neighbourhoods(real + 100, generated + 100)
    torch.testing.assert_close(asdict(moved), asdict(neighbourhoods(real, generated)), rtol=0, atol=0)


def test_a_set_and_itself_overlap_everywhere() -> None:
    real = normal(50, 4)
    found = shares(neighbourhoods(real, real.clone()))
    assert (found["precision"], found["recall"], found["coverage"]) == (1, 1, 1)


def test_sets_far_apart_do_not_overlap() -> None:
    found = neighbourhoods(normal(50, 4), normal(50, 4, seed=1) + 100)
    assert set(shares(found).values()) == {0.0}


def test_dropped_mode_lowers_recall_and_coverage_but_not_precision() -> None:
    mode = normal(100, 4)
    found = shares(neighbourhoods(torch.cat([mode, mode + 1000]), mode.clone()))
    assert found["precision"] == 1
    assert (found["recall"], found["coverage"]) == (0.5, 0.5)


def test_coverage_of_the_same_distribution_has_the_expectation_of_naeem() -> None:
    m, n, k = 20, 30, 5
    # A ball is empty when the first k of all m - 1 + n other vectors are real.
    expected = 1 - math.prod((m - i) / (m + n - i) for i in range(1, k + 1))
    draws = [normal(m + n, 3, seed=seed).split([m, n]) for seed in range(400)]
    found = torch.tensor([neighbourhoods(*both, neighbours=k).coverage.mean() for both in draws])
    assert abs(float(found.mean()) - expected) < 3 * float(found.std()) / len(found) ** 0.5


def test_density_of_the_same_distribution_is_k_balls_in_the_mean() -> None:
    m, n, k = 20, 30, 5
    # Among the other m - 1 real vectors, m places for a new one are equally likely; k of them lie inside a ball.
    draws = [normal(m + n, 3, seed=seed).split([m, n]) for seed in range(400)]
    found = torch.tensor([neighbourhoods(*both, neighbours=k).density.mean() for both in draws])
    assert abs(float(found.mean()) - 1) < 3 * float(found.std()) / len(found) ** 0.5


def test_too_few_images_are_refused() -> None:
    with pytest.raises(UsageError, match="sets of 50 and 5 images; more than 5 each"):
        neighbourhoods(normal(50, 4), normal(5, 4))


def test_number_that_is_not_finite_is_refused() -> None:
    with pytest.raises(Diverged, match="features: not every number is finite"):
        neighbourhoods(normal(50, 4), torch.full((50, 4), float("inf")))
