"""Exponents with a floor are recovered within their interval, agree with scipy's fit, or are refused with a reason."""

import math

import numpy as np
import pytest
from scaling_laws import X, measured
from scipy.optimize import least_squares

from harness.scaling import fit_power_law
from harness.scaling.least_squares import SCALE, fit

LAWS = {
    "flat": (0.0, lambda x: 1e-3),
    "linear": (1.0, lambda x: 1e-6 * x),
    "linear with a floor": (1.0, lambda x: 2e-4 + 1e-6 * x),
    "three halves with a floor": (1.5, lambda x: 1e-4 + 1e-8 * x**1.5),
    "square with a floor": (2.0, lambda x: 1e-4 + 1e-9 * x**2),
}


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize(("exponent", "law"), LAWS.values(), ids=LAWS)
def test_intervals_cover_the_exponent_about_as_often_as_they_say(exponent, law, seeds):
    laws = [fit_power_law(measured(law, number=number, seeds=seeds), resamples=120) for number in range(40)]
    reported = [found for found in laws if not found.reason]
    assert len(reported) >= 35
    assert sum(found.low <= exponent <= found.high for found in reported) >= 0.85 * len(reported)
    assert np.mean([found.exponent for found in reported]) == pytest.approx(exponent, abs=0.03)


@pytest.mark.parametrize("floor", [False, True])
def test_many_curves_are_fitted_as_scipy_fits_each(floor):
    generator = np.random.default_rng(0)
    x = np.array(X)
    costs = (50.0 + x**1.3) * np.exp(0.05 * generator.standard_normal((5, len(x))))
    costs[0, 3] *= 1.5
    found = fit(x, costs, floor=floor)

    def misses(parameters, row):
        return (floor * math.exp(parameters[0]) + np.exp(parameters[1] + parameters[2] * np.log(x))) / row - 1

    expected = [
        least_squares(misses, (3.0, 0.5, 1.2), loss="soft_l1", f_scale=SCALE, args=(row,), xtol=1e-12).x[2]
        for row in costs
    ]
    np.testing.assert_allclose(found.exponents, expected, atol=2e-4)


@pytest.mark.parametrize("floor", [0.0, 1e4], ids=["none", "floor"])
def test_an_exact_law_is_found_exactly(floor):
    law = fit_power_law([{x: [floor + 3 * x**2] for x in X}])
    assert (law.exponent, law.low, law.high) == pytest.approx((2.0, 2.0, 2.0), abs=1e-5)
    assert (law.floor, law.factor, law.r_squared) == pytest.approx((floor, 3.0, 1.0), rel=1e-4)
    assert (law.reason, law.points) == ("", len(X))


def test_equal_costs_are_flat():
    law = fit_power_law([{x: [4096.0] for x in X}])
    assert (law.exponent, law.low, law.high) == pytest.approx((0.0, 0.0, 0.0), abs=1e-6)
    assert law.r_squared == 1.0


def test_exact_costs_of_another_law_have_an_interval_all_the_same():
    law = fit_power_law([{x: [100 * x + x**2] for x in X}])
    assert 0.02 < law.high - law.low < 0.3
    assert law.low < law.exponent < law.high
    assert 1.8 < law.exponent < 2.0


def with_a_slow_point(factor):
    """Costs of slope 1.5 at six points, of which the fourth takes `factor` times as long."""
    points = [64.0 * 2**i for i in range(6)]
    return {x: [x**1.5 * (factor if x == points[3] else 1.0)] for x in points}


def test_one_slow_point_bends_the_law_less_than_a_straight_line():
    run = with_a_slow_point(1.3)
    law = fit_power_law([run])
    straight = np.polyfit(np.log(list(run)), np.log([costs[0] for costs in run.values()]), 1)[0]
    assert law.reason == ""
    assert abs(law.exponent - 1.5) < abs(straight - 1.5) / 2
    assert law.low < 1.5 < law.high


def test_one_point_that_is_far_too_slow_leaves_no_exponent():
    assert "wider than 0.3" in fit_power_law([with_a_slow_point(1.6)]).reason


def test_three_points_are_too_few():
    law = fit_power_law([{x: [x] for x in X[:3]}])
    assert law.exponent is None
    assert law.reason == "3 of 3 points can be used and 4 are needed"


def test_points_that_overhead_dominates_are_not_used():
    costs = {x: [1e-3 if x < 512 else 1e-3 * x / 512] for x in X}
    law = fit_power_law([costs], empty={x: 1e-3 / 4 if x < 512 else 1e-4 for x in X})
    assert law.points == 4
    assert law.exponent == pytest.approx(1.0, abs=1e-4)


def test_too_much_overhead_is_the_reason():
    law = fit_power_law([{x: [1e-3 + 1e-6 * x] for x in X}], empty=dict.fromkeys(X, 1e-3))
    assert law.exponent is None
    assert "1 of 7 points" in law.reason
    assert "at 64 the cost is 1.1 times an empty model's" in law.reason


def test_a_wide_interval_is_refused_with_its_ends():
    law = fit_power_law(measured(lambda x: 1e-3 + 5e-7 * x, number=0, noise=0.2, outliers=0.3))
    assert (law.exponent, law.floor, law.r_squared) == (None, None, None)
    assert "wider than 0.3" in law.reason


def test_a_falling_cost_is_refused():
    assert "the cost falls" in fit_power_law([{x: [1 / x] for x in X}]).reason
