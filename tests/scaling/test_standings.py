"""Which is the cheapest at each x, and which is as good."""

import pytest
from scaling_laws import X, measured

from harness.scaling import cheapest


def test_each_x_has_its_cheapest():
    curves = {"square": [{x: [x**2] for x in X}], "linear": [{x: [1000 * x] for x in X}]}
    found = cheapest(curves)
    assert [standing.x for standing in found] == list(X)
    assert [standing.best for standing in found] == ["square"] * 4 + ["linear"] * 3
    assert found[0].ratios["linear"].ratio == pytest.approx(1000 / 64)
    assert found[0].cost == pytest.approx(64.0**2)


def test_a_curve_that_ends_early_stands_only_where_it_was_measured():
    found = cheapest({"long": [{x: [2 * x] for x in X}], "short": [{x: [x] for x in X[:3]}]})
    assert [standing.best for standing in found] == ["short"] * 3 + ["long"] * 4
    assert set(found[-1].ratios) == {"long"}


def test_what_is_within_the_tolerance_is_level():
    curves = {name: [{64.0: [cost]}] for name, cost in {"best": 1.0, "near": 1.02, "far": 1.04}.items()}
    (found,) = cheapest(curves)
    assert found.level == ("best", "near")


def test_what_noise_hides_is_level():
    curves = {
        "one": measured(lambda x: 1e-6 * x, number=0, seeds=3),
        "as good": measured(lambda x: 1.01e-6 * x, number=1, seeds=3),
        "twice": measured(lambda x: 2e-6 * x, number=2, seeds=3),
    }
    assert {frozenset(standing.level) for standing in cheapest(curves)} == {frozenset({"one", "as good"})}


def test_ratios_name_their_intervals():
    (standing, *_) = cheapest({"a": measured(lambda x: x, number=0), "b": measured(lambda x: 2 * x, number=1)})
    assert standing.ratios["a"].low == standing.ratios["a"].high == 1.0
    assert standing.ratios["b"].low < standing.ratios["b"].ratio < standing.ratios["b"].high
