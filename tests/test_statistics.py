"""Intervals and paired tests, against scipy and closed forms."""

import math

import numpy as np
import pytest
from scipy import stats

from harness.statistics import aggregate, intervals, paired_difference, summarise

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


def test_intervals_of_many_places_are_those_of_each():
    values = np.random.default_rng(0).normal(size=(3, 20))
    values[:, 7] = 0.1
    each = [summarise(list(column)) for column in values.T]
    expected = np.array([[found.low for found in each], [found.high for found in each]])
    np.testing.assert_allclose(intervals(values), expected, rtol=1e-12)


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


def test_the_interquartile_mean_of_eight_runs_is_that_of_the_middle_four():
    scores = aggregate([[8.0, 1.0, 6.0, 3.0], [2.0, 100.0, 4.0, 5.0]], target=1.0)
    assert scores.interquartile_mean.mean == (3.0 + 4.0 + 5.0 + 6.0) / 4


def test_mean_and_median_are_of_the_means_of_tasks():
    scores = aggregate([[1.0, 3.0, 5.0], [10.0, 10.0], [20.0, 40.0]], target=1.0)
    assert (scores.mean.mean, scores.median.mean) == ((3.0 + 10.0 + 30.0) / 3, 10.0)
    assert (scores.mean.n, scores.median.n) == (7, 7)


def test_runs_beyond_the_target_lack_nothing():
    scores = aggregate([[0.25, 7.0], [0.75, 1.0]], target=1.0)
    assert scores.optimality_gap.mean == (0.75 + 0.0 + 0.25 + 0.0) / 4


def test_scores_below_zero_lack_more_than_the_target():
    assert aggregate([[-1.0, -1.0], [0.0, 0.0]], target=1.0).optimality_gap.mean == 1.5


def test_aggregate_intervals_are_the_same_at_every_call():
    scores = np.random.default_rng(3).normal(size=(5, 4)).tolist()
    assert aggregate(scores, target=1.0) == aggregate(scores, target=1.0)


def test_runs_are_drawn_within_each_task():
    # Tasks that differ much and runs that do not: only a draw over tasks could move the mean.
    scores = aggregate([[0.0, 0.0, 0.0], [1000.0, 1000.0, 1000.0]], target=1.0)
    assert (scores.mean.low, scores.mean.high) == (500.0, 500.0)


def test_the_interval_of_a_mean_is_that_of_the_normal_law_where_runs_are_many():
    scores = np.random.default_rng(4).normal(size=(2, 400))
    found = aggregate(scores.tolist(), target=1.0).mean
    half = 1.96 * math.sqrt(float((scores.var(axis=1) / 400).sum())) / 2
    assert found.high - found.mean == pytest.approx(half, rel=0.05)
    assert found.mean - found.low == pytest.approx(half, rel=0.05)


def test_a_task_with_one_run_leaves_no_interval():
    scores = aggregate([[0.5, 0.7], [0.3]], target=1.0)
    assert (scores.interquartile_mean.low, scores.interquartile_mean.high) == (None, None)


@pytest.mark.parametrize(
    ("scores", "message"),
    [([], "no tasks"), ([[1.0], []], "no values"), ([[1.0], [math.nan]], "finite")],
    ids=["no-tasks", "no-runs", "nan"],
)
def test_what_cannot_be_aggregated_is_refused(scores, message):
    with pytest.raises(ValueError, match=message):
        aggregate(scores, target=1.0)
