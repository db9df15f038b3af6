"""Learning curves of a board."""

import pandas as pd
import pytest

from harness.reports.board import make_report


@pytest.fixture
def points():
    """Curves of two trials, the second of which stopped early."""
    values = {"a": [(10, 2.0), (20, 1.0), (30, 0.5)], "b": [(10, 4.0), (20, 3.0)]}
    return pd.DataFrame(
        [
            {"trial_id": trial, "candidate": 0, "chosen": True, "step": step, "name": name, "value": value}
            for trial, found in values.items()
            for step, value in found
            for name in ("loss", "seconds")
        ]
    )


def test_curve_is_the_mean_over_seeds_at_the_steps_that_all_have(make, points):
    rows = make.frame([make.row(trial_id="a", seed=0), make.row(trial_id="b", seed=1)])
    (curves,) = make_report(rows, points).curves
    assert [(curve.label, curve.n, curve.points) for curve in curves.curves] == [("mamba", 2, ((10, 3.0), (20, 2.0)))]


def test_only_the_chosen_candidate_is_drawn(make, points):
    other = points.assign(candidate=1, chosen=False, value=100.0)
    rows = make.frame([make.row(trial_id="a", num_candidates=2)])
    (curves,) = make_report(rows, pd.concat([points, other])).curves
    assert curves.curves[0].points == ((10, 2.0), (20, 1.0), (30, 0.5))


def test_without_curves_there_are_none(make):
    assert make_report(make.frame([make.row()])).curves[0].curves == ()
