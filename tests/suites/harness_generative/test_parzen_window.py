"""The Parzen window: exact densities of other libraries, the choice of sigma, and the paper's protocol."""

from __future__ import annotations

import math

import pytest
import torch
from sklearn.neighbors import KernelDensity
from torch import Tensor
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from harness.errors import PluginError, UsageError
from harness.runtime.fitting import Diverged
from harness_generative import pairs
from harness_generative.parzen_window import (
    NUM_VALIDATION,
    SIGMAS,
    choose_sigma,
    parzen_estimate,
    parzen_log_likelihoods,
)


def uniform(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("sigma", [0.1, 0.3, 1.0])
def test_one_kernel_is_a_normal_density(sigma: float) -> None:
    centre, points = uniform(1, 784), uniform(20, 784, seed=1)
    expected = Normal(centre, sigma).log_prob(points).sum(dim=1)
    torch.testing.assert_close(parzen_log_likelihoods(centre, points, sigma), expected, rtol=1e-11, atol=1e-8)


def test_many_kernels_are_a_mixture_of_torch() -> None:
    centres, points = uniform(30, 16), uniform(20, 16, seed=1)
    components = Independent(Normal(centres, torch.tensor(0.2, dtype=torch.float64)), 1)
    mixture = MixtureSameFamily(Categorical(torch.ones(30, dtype=torch.float64)), components)
    torch.testing.assert_close(
        parzen_log_likelihoods(centres, points, 0.2), mixture.log_prob(points), rtol=1e-11, atol=0
    )


def test_scikit_learns_kernel_density_is_the_same() -> None:
    centres, points = uniform(30, 16), uniform(20, 16, seed=1)
    theirs = KernelDensity(bandwidth=0.2).fit(centres).score_samples(points)
    torch.testing.assert_close(
        parzen_log_likelihoods(centres, points, 0.2), torch.from_numpy(theirs), rtol=1e-9, atol=0
    )


def test_blocks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    centres, points = uniform(30, 16), uniform(20, 16, seed=1)
    whole = parzen_log_likelihoods(centres, points, 0.2)
    monkeypatch.setattr(pairs, "BLOCK_NUMBERS", 7 * len(centres))
    torch.testing.assert_close(parzen_log_likelihoods(centres, points, 0.2), whole, rtol=1e-11, atol=0)


def test_pixels_of_twice_the_scale_cost_log_two_each() -> None:
    centres, points = uniform(30, 784), uniform(20, 784, seed=1)
    near, far = parzen_log_likelihoods(centres, points, 0.2), parzen_log_likelihoods(2 * centres, 2 * points, 0.4)
    torch.testing.assert_close(near - far, torch.full_like(near, 784 * math.log(2)), rtol=1e-10, atol=0)


def test_sigmas_are_ten_from_a_tenth_to_one() -> None:
    steps = torch.tensor(SIGMAS, dtype=torch.float64).log().diff()
    assert (len(SIGMAS), SIGMAS[0], SIGMAS[-1]) == (10, 0.1, 1.0)
    torch.testing.assert_close(steps, torch.full_like(steps, math.log(10) / 9), rtol=1e-12, atol=0)


def test_sigma_has_the_greatest_mean() -> None:
    centres, points = uniform(30, 16), uniform(20, 16, seed=1)
    means = [float(parzen_log_likelihoods(centres, points, sigma).mean()) for sigma in SIGMAS]
    assert choose_sigma(centres, points) == SIGMAS[means.index(max(means))]


@pytest.mark.parametrize("index", [1, 4, 8])
def test_sigma_of_the_data_is_found(index: int) -> None:
    centre = uniform(1, 400)
    noise = torch.randn(50, 400, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert choose_sigma(centre, centre + SIGMAS[index] * noise) == SIGMAS[index]


def test_estimate_is_mean_and_standard_error_over_the_test_images() -> None:
    samples, validation, test = uniform(30, 1, 4, 4), uniform(10, 1, 4, 4, seed=1), uniform(20, 1, 4, 4, seed=2)
    found = parzen_estimate(samples, validation, test)
    values = parzen_log_likelihoods(samples.flatten(1), test.flatten(1), found.sigma)
    assert found.sigma == choose_sigma(samples.flatten(1), validation.flatten(1))
    assert found.mean == pytest.approx(float(values.mean()), rel=1e-12)
    assert found.standard_error == pytest.approx(float(values.std()) / math.sqrt(20), rel=1e-12)


def test_only_the_first_validation_images_choose_sigma() -> None:
    samples, near = uniform(30, 1, 4, 4) / 100, uniform(NUM_VALIDATION, 1, 4, 4, seed=1) / 100
    far = torch.ones(NUM_VALIDATION, 1, 4, 4, dtype=torch.float64)
    found = parzen_estimate(samples, torch.cat([near, far]), near)
    assert found.sigma == 0.1
    assert parzen_estimate(samples, torch.cat([far, near]), near).sigma > 0.5


@pytest.mark.parametrize(
    ("position", "subject"),
    [(0, "samples"), (1, "validation images"), (2, "test images")],
    ids=lambda value: str(value),
)
def test_images_from_minus_one_to_one_are_refused(position: int, subject: str) -> None:
    given = [uniform(5, 1, 4, 4, seed=seed) for seed in range(3)]
    given[position] = 2 * given[position] - 1
    with pytest.raises(PluginError, match=rf"{subject}: pixels lie from -0\..*give \(images \+ 1\) / 2"):
        parzen_estimate(*given)


def test_samples_that_are_not_finite_are_refused() -> None:
    with pytest.raises(Diverged, match="samples: not every number is finite"):
        parzen_estimate(torch.full((5, 1, 4, 4), float("nan")), uniform(5, 1, 4, 4), uniform(5, 1, 4, 4))


def test_samples_of_another_size_are_refused() -> None:
    with pytest.raises(PluginError, match=r"samples are \[1, 5, 5\], test images \[1, 4, 4\]"):
        parzen_estimate(uniform(5, 1, 5, 5), uniform(5, 1, 4, 4), uniform(5, 1, 4, 4))


def test_one_test_image_is_refused() -> None:
    with pytest.raises(UsageError, match="1 test image has no standard error"):
        parzen_estimate(*(uniform(count, 1, 4, 4) for count in (5, 5, 1)))
