"""The sampler, with denoisers of Gaussian data, for which the right answer is known."""

from __future__ import annotations

import pytest
import torch

from harness_video_diffusion.diffusion import alpha_sigma, log_snr, to_eps
from harness_video_diffusion.sampling import Given, Sampler

MEAN, DEVIATION, COUNT = 0.7, 0.5, 20_000
CORRELATION, OBSERVED = 0.9, 1.5
# Five standard errors of the mean and of the deviation of COUNT draws.
MEAN_ERROR, DEVIATION_ERROR = 5 * DEVIATION / COUNT**0.5, 5 * DEVIATION / (2 * COUNT) ** 0.5
SAMPLERS = pytest.mark.parametrize(
    "options",
    [{"gamma": 0.0}, {"gamma": 0.3}, {"gamma": 1.0}, {"gamma": 0.0, "corrector_step": 0.1}],
    ids=["lower", "between", "upper", "corrected"],
)
PREDICTIONS = pytest.mark.parametrize("prediction", ["eps", "v"])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def empty(*shape):
    return torch.empty(*shape, dtype=torch.float64)


def sampler_of(denoiser, **options):
    settings = {"steps": 300, "gamma": 0.1} | options
    return Sampler(denoiser=denoiser, prediction=denoiser.prediction, **settings)


@SAMPLERS
@PREDICTIONS
def test_the_best_denoiser_of_gaussian_data_gives_their_mean(gaussian, options, prediction):
    denoiser = gaussian([MEAN], [[DEVIATION**2]], prediction)
    drawn = sampler_of(denoiser, **options).draw(empty(COUNT, 1), generator())
    assert float(drawn.mean()) == pytest.approx(MEAN, abs=MEAN_ERROR)


@SAMPLERS
@PREDICTIONS
def test_the_best_denoiser_of_gaussian_data_gives_their_deviation(gaussian, options, prediction):
    denoiser = gaussian([MEAN], [[DEVIATION**2]], prediction)
    drawn = sampler_of(denoiser, **options).draw(empty(COUNT, 1), generator())
    assert float(drawn.std()) == pytest.approx(DEVIATION, abs=DEVIATION_ERROR)


def deviation_error(denoiser, **options):
    drawn = sampler_of(denoiser, **options).draw(empty(COUNT, 1), generator())
    return abs(float(drawn.std()) - DEVIATION)


def test_the_error_falls_with_the_number_of_steps(gaussian):
    denoiser = gaussian([MEAN], [[DEVIATION**2]])
    few, some, many = (deviation_error(denoiser, gamma=0.0, steps=steps) for steps in (4, 16, 64))
    assert few > 2 * some > 4 * many


def test_langevin_steps_make_up_for_few_ancestral_ones(gaussian):
    denoiser = gaussian([MEAN], [[DEVIATION**2]])
    plain = deviation_error(denoiser, gamma=0.0, steps=8)
    assert deviation_error(denoiser, gamma=0.0, steps=8, corrector_step=1.0) < 0.7 * plain


def test_correlations_are_drawn_too(gaussian):
    denoiser = gaussian([0.0, 0.0], [[1.0, CORRELATION], [CORRELATION, 1.0]])
    drawn = sampler_of(denoiser).draw(empty(COUNT, 2), generator())
    assert float(torch.corrcoef(drawn.T)[0, 1]) == pytest.approx(CORRELATION, abs=0.01)


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_data_without_spread_are_found_in_any_number_of_steps(gaussian, steps):
    drawn = sampler_of(gaussian([MEAN], [[0.0]]), steps=steps).draw(empty(3, 1), generator())
    torch.testing.assert_close(drawn, torch.full_like(drawn, MEAN), atol=1e-3, rtol=0)


def test_both_predictions_lead_to_the_same_data(gaussian):
    by_eps, by_v = (
        sampler_of(gaussian([MEAN], [[DEVIATION**2]], prediction), steps=20).draw(empty(50, 1), generator())
        for prediction in ("eps", "v")
    )
    torch.testing.assert_close(by_eps, by_v, atol=1e-6, rtol=0)


def test_the_generator_alone_decides(gaussian):
    sampler = sampler_of(gaussian([MEAN], [[1.0]]), steps=5, corrector_step=0.1)
    torch.manual_seed(1)
    first = sampler.draw(empty(4, 1), generator())
    torch.manual_seed(2)
    assert torch.equal(sampler.draw(empty(4, 1), generator()), first)


def test_another_generator_gives_other_data(gaussian):
    sampler = sampler_of(gaussian([MEAN], [[1.0]]), steps=5)
    assert not torch.equal(sampler.draw(empty(4, 1), generator(0)), sampler.draw(empty(4, 1), generator(1)))


def test_estimated_data_are_cut_to_the_bound(gaussian):
    sampler = sampler_of(gaussian([3.0], [[0.0]]), bound=1.0)
    assert sampler.estimate(empty(2, 1).zero_(), log_snr(torch.tensor(0.5))).tolist() == [[1.0], [1.0]]


# --- classifier-free guidance -------------------------------------------------------------------------------------


class TwoClasses:
    """Predicts one thing for the class and another without one."""

    prediction = "v"

    def __call__(self, z, lam, classes):
        return 0.3 * z if classes is None else torch.full_like(z, -0.5) * classes[:, None]


CLASSES = torch.tensor([1, 2])


def test_guidance_goes_from_the_noise_without_a_class_beyond_that_with_it():
    denoiser, lam = TwoClasses(), log_snr(torch.tensor(0.4, dtype=torch.float64))
    z = torch.randn(2, 3, generator=generator(), dtype=torch.float64)
    alpha, sigma = alpha_sigma(lam)
    with_class, without = (to_eps("v", denoiser(z, lam, c), z, lam) for c in (CLASSES, None))
    guided = (1 + 1.5) * with_class - 1.5 * without
    found = sampler_of(denoiser, guidance_weight=1.5).estimate(z, lam, CLASSES)
    torch.testing.assert_close(found, (z - sigma * guided) / alpha)


def test_no_weight_is_the_prediction_with_the_class():
    denoiser, lam = TwoClasses(), log_snr(torch.tensor(0.4, dtype=torch.float64))
    z = torch.randn(2, 3, generator=generator(), dtype=torch.float64)
    alpha, sigma = alpha_sigma(lam)
    expected = alpha * z - sigma * denoiser(z, lam, CLASSES)
    torch.testing.assert_close(sampler_of(denoiser).estimate(z, lam, CLASSES), expected)


# --- given parts --------------------------------------------------------------------------------------------------


def given_first(count):
    values = torch.tensor([[OBSERVED, 0.0]], dtype=torch.float64).repeat(count, 1)
    return Given(values=values, known=torch.tensor([True, False]))


@pytest.fixture
def pair(gaussian):
    """Two correlated numbers."""
    return gaussian([0.0, 0.0], [[1.0, CORRELATION], [CORRELATION, 1.0]])


def conditional_error(pair, **options):
    """How far the mean of the second number is from its conditional mean, CORRELATION * OBSERVED."""
    sampler = sampler_of(pair, **({"steps": 100} | options))
    drawn = sampler.draw(empty(5000, 2), generator(), given=given_first(5000))
    return abs(float(drawn[:, 1].mean()) - CORRELATION * OBSERVED)


@pytest.mark.parametrize("weight", [0.0, 2.0], ids=["replacement", "reconstruction"])
def test_what_is_given_stands_in_the_result(pair, weight):
    drawn = sampler_of(pair, steps=5, reconstruction_weight=weight).draw(empty(4, 2), generator(), given=given_first(4))
    assert drawn[:, 0].tolist() == [OBSERVED] * 4


class Recording:
    """A denoiser that keeps the noise on the first number at each call, with the level."""

    prediction = "v"

    def __init__(self, denoiser):
        self.denoiser, self.levels, self.noise = denoiser, [], []

    def __call__(self, z, lam, classes):
        alpha, sigma = alpha_sigma(lam[0])
        self.levels.append(float(lam[0]))
        self.noise.append((z[:, 0] - alpha * OBSERVED) / sigma)
        return self.denoiser(z, lam, classes)


@pytest.mark.parametrize("delta", [0.0, 0.1], ids=["plain", "corrected"])
def test_what_is_given_has_standard_normal_noise_at_every_level(pair, delta):
    recording = Recording(pair)
    sampler = sampler_of(recording, steps=6, corrector_step=delta)
    sampler.draw(empty(5000, 2), generator(), given=given_first(5000))
    noise = torch.stack(recording.noise)
    found = torch.stack((noise.mean(dim=1), noise.std(dim=1)), dim=1)
    torch.testing.assert_close(found, torch.tensor([[0.0, 1.0]]).expand_as(found).double(), atol=0.07, rtol=0)


def test_the_denoiser_is_asked_at_each_level_and_again_by_the_corrector(pair):
    recording = Recording(pair)
    sampler_of(recording, steps=3, corrector_step=0.1).draw(empty(1, 2), generator())
    levels = log_snr(torch.linspace(1, 0, 4, dtype=torch.float64)).tolist()
    expected = [levels[0], levels[1], levels[1], levels[2], levels[2], levels[3]]
    assert recording.levels == pytest.approx(expected)


def test_reconstruction_is_nearer_to_the_conditional_mean_than_replacement(pair):
    replacement = conditional_error(pair, reconstruction_weight=0.0)
    assert conditional_error(pair, reconstruction_weight=2.0) < 0.25 * replacement


def test_langevin_steps_bring_replacement_nearer_to_the_conditional_mean(pair):
    assert conditional_error(pair, corrector_step=0.1) < 0.75 * conditional_error(pair)


@pytest.mark.parametrize("t", [0.2, 0.5, 0.8])
def test_reconstruction_is_exact_where_the_error_of_the_known_part_is(pair, t):
    lam = log_snr(torch.tensor(t, dtype=torch.float64))
    alpha, sigma = alpha_sigma(lam)
    z = torch.randn(6, 2, generator=generator(), dtype=torch.float64)
    covariance, x = pair.variance(lam), pair.expected(z, lam)
    exact = x[:, 1] + covariance[0, 1] / covariance[0, 0] * (OBSERVED - x[:, 0])
    # The paper takes the variance of x_a given z for sigma^2 / alpha^2; this weight puts the true one in its place.
    weight = float(sigma**2 / alpha**2 / covariance[0, 0])
    found = sampler_of(pair, reconstruction_weight=weight).estimate(z, lam, given=given_first(6))
    torch.testing.assert_close(found[:, 1], exact)


def test_reconstruction_leaves_the_estimate_of_the_known_part(pair):
    lam = log_snr(torch.tensor(0.5, dtype=torch.float64))
    z = torch.randn(6, 2, generator=generator(), dtype=torch.float64)
    found = sampler_of(pair, reconstruction_weight=2.0).estimate(z, lam, given=given_first(6))
    torch.testing.assert_close(found[:, 0], pair.expected(z, lam)[:, 0])


def test_an_example_is_corrected_by_its_own_error_alone(pair):
    lam = log_snr(torch.tensor(0.5, dtype=torch.float64))
    z = torch.randn(6, 2, generator=generator(), dtype=torch.float64)
    sampler = sampler_of(pair, reconstruction_weight=2.0)
    together = sampler.estimate(z, lam, given=given_first(6))
    torch.testing.assert_close(sampler.estimate(z[2:3], lam, given=given_first(1)), together[2:3])
