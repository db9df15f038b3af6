"""Curves are drawn by seeds and shared rounds; seeds that end early bend nothing."""

import numpy as np
import pytest

from harness.scaling.resampling import resample

X = (64.0, 128.0, 256.0)


def test_rounds_are_shared_by_all_points():
    drift = np.exp(np.random.default_rng(0).normal(size=30))
    drawn = resample([{x: x * drift for x in X}]).drawn
    assert np.ptp(drawn[:, 0]) > 0.1
    np.testing.assert_allclose(np.diff(drawn), np.log(2), atol=1e-12)


def test_what_a_round_does_to_all_points_stays_in_the_level():
    drift = np.exp(np.random.default_rng(0).normal(size=30))
    one, several = (resample([{x: x * drift for x in points}]).drawn[:, 0] for points in (X[:1], X))
    np.testing.assert_allclose(one.std(), several.std(), rtol=0.15)


def test_the_measured_curve_is_the_geometric_mean_of_the_seeds_medians():
    runs = [{x: [x, x, 100 * x] for x in X}, {x: [4 * x] for x in X}]
    np.testing.assert_allclose(np.exp(resample(runs).measured), [2 * x for x in X])


def test_a_seed_that_ends_early_changes_no_later_step():
    whole, short = {x: [x**2] for x in X}, {x: [3 * x**2] for x in X[:2]}
    np.testing.assert_allclose(np.diff(resample([whole, short]).measured), 2 * np.log(2))


def test_draws_without_any_seed_at_a_point_say_so():
    whole, short = {x: [x] for x in X}, {x: [x] for x in X[:2]}
    missing = np.isnan(resample([whole, short]).drawn)
    assert not missing[:, :2].any()
    assert 0.15 < missing[:, 2].mean() < 0.35  # both draws take the short seed: a quarter


def test_a_point_that_no_neighbouring_seed_reaches_is_unknown():
    assert np.isnan(resample([{64.0: [1.0]}, {128.0: [1.0]}]).measured).tolist() == [False, True]


def test_draws_are_the_same_at_every_call():
    runs = [{x: np.random.default_rng(1).uniform(1, 2, 9) for x in X}] * 2
    np.testing.assert_array_equal(resample(runs).drawn, resample(runs).drawn)


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "no points"),
        ([{}], "no points"),
        ([{1.0: []}], "positive and finite"),
        ([{1.0: [0.0]}], "positive and finite"),
        ([{1.0: [float("nan")]}], "positive and finite"),
        ([{0.0: [1.0]}], "positive and finite"),
        ([{1.0: [1.0], 2.0: [1.0, 2.0]}], "rounds are shared"),
    ],
    ids=["no runs", "no points", "no samples", "zero", "nan", "at zero", "ragged"],
)
def test_runs_that_say_nothing_are_refused(runs, message):
    with pytest.raises(ValueError, match=message):
        resample(runs)
