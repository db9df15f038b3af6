"""Intervals and paired tests, against scipy and closed forms."""

import math

import numpy as np
import pytest
from scipy import stats

from harness.statistics import paired_difference, summarise

VALUES = [0.71, 0.74, 0.69, 0.77, 0.7]


def test_interval_equals_scipys_one_sample_interval():
    expected = stats.ttest_1samp(VALUES, 0.0).confidence_interval(0.95)
    summary = summarise(VALUES)
    assert (summary.mean, summary.n) == (pytest.approx(np.mean(VALUES), abs=1e-15), 5)
    assert (summary.low, summary.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_interval_of_two_values_has_its_closed_form():
    # With one degree of freedom Student's t is Cauchy's, whose 97.5% point is tan(0.475 pi).
    half = math.tan(0.475 * math.pi) * abs(3.0 - 1.0) / 2
    summary = summarise([1.0, 3.0])
    assert (summary.mean, summary.half_width) == (2.0, pytest.approx(half, rel=1e-12))


def test_interval_covers_the_truth_as_often_as_it_says():
    samples = np.random.default_rng(0).normal(5.0, 2.0, size=(2000, 3))
    covered = sum(summary.low <= 5.0 <= summary.high for summary in map(summarise, samples))
    assert 0.935 <= covered / 2000 <= 0.965


def test_one_value_has_no_interval():
    summary = summarise([0.5])
    assert (summary.mean, summary.low, summary.high, summary.half_width, summary.n) == (0.5, None, None, None, 1)


def test_identical_values_have_an_interval_of_zero_width():
    summary = summarise([0.1] * 3)
    assert (summary.mean, summary.low, summary.high) == (0.1, 0.1, 0.1)


def test_interval_is_cut_at_the_bounds():
    summary = summarise([0.9, 1.0], bounds=(0.5, 1.0))
    assert (summary.low, summary.high) == (0.5, 1.0)


@pytest.mark.parametrize("values", [[], [0.5, math.nan], [math.inf]], ids=["none", "nan", "inf"])
def test_values_that_have_no_mean_are_refused(values):
    with pytest.raises(ValueError, match="values"):
        summarise(values)


def test_paired_difference_equals_scipys_paired_test():
    a, b = dict(enumerate(VALUES)), dict(enumerate([0.7, 0.71, 0.7, 0.72, 0.69]))
    expected = stats.ttest_rel(list(a.values()), list(b.values()))
    difference = paired_difference(a, b)
    interval = expected.confidence_interval(0.95)
    assert difference.p == pytest.approx(expected.pvalue, abs=1e-12)
    assert (difference.low, difference.high) == pytest.approx((interval.low, interval.high), abs=1e-12)


def test_pairing_sees_what_an_unpaired_test_does_not():
    a = {0: 0.10, 1: 0.50, 2: 0.90}
    b = {0: 0.09, 1: 0.488, 2: 0.89}
    assert paired_difference(a, b).p < 0.01
    assert stats.ttest_ind(list(a.values()), list(b.values())).pvalue > 0.9


def test_only_shared_seeds_are_compared():
    difference = paired_difference({0: 1.0, 1: 2.0, 7: 100.0}, {1: 1.5, 0: 0.0, 9: -100.0})
    assert (difference.mean, difference.n) == (0.75, 2)


def test_no_shared_seed_is_refused():
    with pytest.raises(ValueError, match="no shared seeds"):
        paired_difference({0: 1.0}, {1: 1.0})


def test_one_shared_seed_is_not_tested():
    difference = paired_difference({0: 1.0}, {0: 0.5})
    assert (difference.mean, difference.low, difference.p, difference.n) == (0.5, None, None, 1)


@pytest.mark.parametrize(("shift", "p"), [(0.0, 1.0), (0.25, 0.0)], ids=["equal", "shifted"])
def test_constant_differences_need_no_division_by_zero(shift, p):
    values = {0: 0.25, 1: 0.5, 2: 1.0}
    assert paired_difference({seed: value + shift for seed, value in values.items()}, values).p == p
