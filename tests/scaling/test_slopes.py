"""Local slopes: closed forms, coverage, and what overhead hides."""

import numpy as np
import pytest
from scaling_laws import X, measured

from harness.scaling import local_slopes

LAWS = {
    "flat": lambda x: 1e-3,
    "linear": lambda x: 1e-6 * x,
    "three halves": lambda x: 1e-8 * x**1.5,
    "square": lambda x: 1e-9 * x**2,
    "linear with a floor": lambda x: 2e-4 + 1e-6 * x,
}


def attention(width):
    """Multiply-adds of a layer: projections and MLP, and scores."""
    return lambda length: 12 * length * width**2 + 2 * length**2 * width


def test_an_attention_layer_bends_as_its_count_says():
    around = [1024.0 * (1 - 1e-4), 1024.0 * (1 + 1e-4)]
    (found,) = local_slopes([{length: [attention(256)(length)] for length in around}])
    ratio = 1024 / (6 * 256)
    assert found.slope == pytest.approx(1 + ratio / (1 + ratio), abs=1e-6)
    assert found.slope == pytest.approx(1.40, abs=0.005)
    assert found.low == found.slope == found.high


@pytest.mark.parametrize("seeds", [1, 3])
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_intervals_cover_the_slope_about_as_often_as_they_say(law, seeds):
    expected = np.diff(np.log([law(x) for x in X])) / np.log(2)
    trials = [local_slopes(measured(law, number=number, seeds=seeds), resamples=200) for number in range(40)]
    covered = np.mean([[s.low <= e <= s.high for s, e in zip(found, expected, strict=True)] for found in trials])
    assert covered >= 0.92


def test_intervals_are_no_wider_than_the_noise():
    widths = [s.high - s.low for number in range(20) for s in local_slopes(measured(LAWS["linear"], number=number))]
    # A median of 20 samples of 5% noise errs by about 1.6%; two of them, over log 2, at 95%: 0.13.
    assert 0.08 < np.median(widths) < 0.18


def test_what_overhead_dominates_has_no_slope_and_says_so():
    runs = [{x: [1e-5 * x] for x in X}]
    found = local_slopes(runs, empty=dict.fromkeys(X, 1e-3))
    assert [slope.slope is None for slope in found] == [True] * 3 + [False] * 3
    assert (
        "overhead dominates: at 64 the cost is 0.64 times an empty model's (0.00064 against 0.001)" in found[0].reason
    )
    assert "5 times are needed" in found[0].reason


def test_five_times_an_empty_step_is_enough():
    assert local_slopes([{1.0: [5.0], 2.0: [10.0]}], empty={1.0: 1.0, 2.0: 1.0})[0].slope == pytest.approx(1.0)


def test_a_slope_needs_a_seed_with_both_ends():
    (found,) = local_slopes([{64.0: [1.0]}, {128.0: [2.0]}])
    assert (found.slope, found.seeds) == (None, 0)
    assert "no seed" in found.reason


def test_intervals_say_what_they_cover():
    one, three = (local_slopes(measured(LAWS["linear"], number=0, seeds=seeds))[0].covers for seeds in (1, 3))
    assert (one, three) == ("rounds of one seed", "3 seeds and their rounds")
