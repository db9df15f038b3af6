"""Crossings of known laws, and the cases in which none can be named."""

import math

import numpy as np
import pytest
from scaling_laws import X, measured

from harness.scaling import crossover


def exact(law):
    return [{x: [law(x)] for x in X}]


def test_two_exact_laws_cross_where_they_are_equal():
    found = crossover(exact(lambda x: x**2), exact(lambda x: 700 * x))
    assert (found.verdict, found.cheaper) == ("once", 0)
    assert (found.x, found.low, found.high) == pytest.approx((700.0, 700.0, 700.0))
    assert "first is cheaper up to 700" in found.said


def test_order_only_changes_the_names():
    found = crossover(exact(lambda x: 700 * x), exact(lambda x: x**2))
    assert (found.verdict, found.cheaper, found.x) == ("once", 1, pytest.approx(700.0))


def test_intervals_cover_the_crossing_about_as_often_as_they_say():
    def found(number):
        first = measured(lambda x: 1e-9 * x**2, number=number, level=0.0)
        second = measured(lambda x: 5e-7 * x, number=number + 1000, level=0.0)
        return crossover(first, second, resamples=300)

    crossings = [found(number) for number in range(100)]
    assert {crossing.verdict for crossing in crossings} == {"once"}
    assert np.mean([crossing.low <= 500 <= crossing.high for crossing in crossings]) >= 0.9


def test_a_curve_below_the_other_throughout_never_crosses():
    found = crossover(exact(lambda x: 2 * x), exact(lambda x: x))
    assert (found.verdict, found.cheaper, found.x) == ("never", 1, None)
    assert "never within 64 to 4096" in found.said


def test_nothing_is_extrapolated():
    assert crossover(exact(lambda x: x**2), exact(lambda x: 5000 * x)).verdict == "never"


def test_two_crossings_are_said():
    found = crossover(exact(lambda x: 1 + 0.5 * math.sin(2 * math.log(x))), exact(lambda x: 1.0))
    assert (found.verdict, found.x) == ("more than once", None)


@pytest.mark.parametrize("number", range(5))
def test_the_same_law_twice_has_no_crossing_to_name(number):
    first, second = (measured(lambda x: 1e-6 * x, number=at, level=0.0) for at in (number, number + 100))
    assert crossover(first, second).verdict == "cannot tell"


def test_only_points_of_both_count():
    first, second = exact(lambda x: x**2), exact(lambda x: 700 * x)
    short = [{x: samples for x, samples in run.items() if x <= 512} for run in second]
    assert crossover(first, short).verdict == "never"


def test_one_common_point_is_refused():
    with pytest.raises(ValueError, match="share 1 values of x"):
        crossover([{64.0: [1.0]}], [{64.0: [2.0], 128.0: [1.0]}])
