"""Learning curves of a board."""

import math

import pandas as pd
import pytest

from harness.reports.html import render
from harness.reports.report import make_report
from harness.statistics import summarise


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
    ((panel,),) = make_report(rows, points).curves
    assert [(curve.label, curve.n, curve.points) for curve in panel.curves] == [("mamba", 2, ((10, 3.0), (20, 2.0)))]


def test_only_the_chosen_candidate_is_drawn(make, points):
    other = points.assign(candidate=1, chosen=False, value=100.0)
    rows = make.frame([make.row(trial_id="a", num_candidates=2)])
    ((panel,),) = make_report(rows, pd.concat([points, other])).curves
    assert panel.curves[0].points == ((10, 2.0), (20, 1.0), (30, 0.5))


def test_without_curves_there_are_none(make):
    assert make_report(make.frame([make.row()])).curves == ((),)


def panels(rows, points, registry=None):
    (found,) = make_report(rows, points, registry=registry).curves
    return [(panel.quantity, [curve.label for curve in panel.curves]) for panel in found]


def pair(make, first, second, **given):
    """Rows of two entries whose trials have curves."""
    return make.frame([make.row(trial_id="a", **given | first), make.row(trial_id="b", **given | second)])


def test_cross_entropies_share_an_axis(make, points, registry):
    rows = pair(make, {"model": "mamba"}, {"model": "transformer"}, task="mqar")
    assert panels(rows, points, registry) == [("cross-entropy in nats", ["mamba", "transformer"])]


def test_smoothed_labels_make_another_quantity(make, points, registry):
    smoothed = {"model": "transformer", "training": '{"label_smoothing":0.1}'}
    rows = pair(make, {"model": "mamba"}, smoothed, task="mqar")
    assert [quantity for quantity, _ in panels(rows, points, registry)] == [
        "cross-entropy in nats",
        "cross-entropy in nats, labels smoothed by 0.1",
    ]


@pytest.mark.parametrize(
    ("task", "models"),
    [
        ("digit_samples", ("gan_2014", "vae")),
        ("binary_likelihood", ("iwae", "vae")),
        ("no_task_of_ours", ("mamba", "transformer")),
        ("mqar", ("no_model_of_ours", "other_model")),
    ],
    ids=["own learner and own loss", "two own losses", "unknown task", "unknown models"],
)
def test_losses_that_models_bring_share_no_axis(make, points, registry, task, models):
    rows = pair(make, {"model": models[0]}, {"model": models[1]}, task=task)
    assert panels(rows, points, registry) == [(f"the loss of {model}", [model]) for model in models]


def test_without_a_registry_no_two_models_share_an_axis(make, points):
    rows = pair(make, {"model": "mamba"}, {"model": "transformer"}, task="mqar")
    assert len(panels(rows, points)) == 2


def test_kernels_of_one_model_share_an_axis(make, points, registry):
    rows = pair(make, {"kernel": "torch"}, {"kernel": "triton"}, task="digit_samples", model="image_diffusion")
    assert [len(labels) for _, labels in panels(rows, points, registry)] == [2]


def test_options_of_one_model_make_another_quantity(make, points, registry):
    rows = pair(
        make, {"model_options": '{"k":1}'}, {"model_options": '{"k":5}'}, task="binary_likelihood", model="iwae"
    )
    assert [len(labels) for _, labels in panels(rows, points, registry)] == [1, 1]


def test_the_page_names_the_quantity_of_every_panel(make, points):
    rows = pair(make, {"model": "gan_2014"}, {"model": "vae"})
    page = render(make_report(rows, points))
    assert page.count("<figcaption>the loss of ") == 2
    assert "sizes compare within a panel only" in page


def recorded(**values):
    """Points of one quantity, by trial: step and value."""
    return pd.DataFrame(
        [
            {"trial_id": trial, "candidate": 0, "chosen": True, "step": step, "name": name, "value": value}
            for trial, found in values.items()
            for name, numbers in found.items()
            for step, value in numbers
        ]
    )


def two_seeds(make, **given):
    return make.frame([make.row(trial_id=trial, seed=seed, **given) for seed, trial in enumerate("ab")])


def test_a_band_is_the_interval_over_seeds(make, points):
    ((panel,),) = make_report(two_seeds(make), points).curves
    expected = [summarise(values) for values in ([2.0, 4.0], [1.0, 3.0])]
    assert panel.curves[0].band == tuple(pytest.approx((found.low, found.high)) for found in expected)


def test_one_seed_has_no_band(make, points):
    ((panel,),) = make_report(make.frame([make.row(trial_id="a")]), points).curves
    assert panel.curves[0].band == ()


def test_a_seed_counts_with_its_last_number_where_it_recorded_none(make):
    found = recorded(
        a={"loss": [(10, 1.0), (20, 2.0), (40, 6.0)], "seconds": [(40, 1.0)]},
        b={"loss": [(20, 4.0), (30, 8.0)], "seconds": [(50, 1.0)]},
    )
    ((panel,),) = make_report(two_seeds(make), found).curves
    assert panel.curves[0].points == ((20, 3.0), (30, 5.0), (40, 7.0))


def test_what_no_seed_has_in_common_is_no_curve(make):
    found = recorded(a={"loss": [(10, 1.0), (20, 2.0)]}, b={"loss": [(30, 1.0), (40, 2.0)]})
    assert make_report(two_seeds(make), found).curves == ((),)


def test_records_without_a_number_are_left_out(make):
    found = recorded(a={"loss": [(10, math.nan), (20, 2.0), (30, 1.0)]})
    ((panel,),) = make_report(make.frame([make.row(trial_id="a")]), found).curves
    assert panel.curves[0].points == ((20, 2.0), (30, 1.0))


def test_a_loss_that_never_was_a_number_has_no_panel(make):
    found = recorded(a={"loss": [(10, math.nan), (20, math.nan)]})
    assert make_report(make.frame([make.row(trial_id="a")]), found).curves == ((),)


def test_what_a_task_declares_is_drawn_for_all_models_on_one_axis(make, registry):
    scores = {"training_score": [(10, 1.0), (20, 2.0)]}
    found = recorded(a=scores | {"loss": [(10, 1.0), (20, 2.0)]}, b=scores | {"loss": [(10, math.nan)]})
    rows = pair(make, {"model": "dqn_2013"}, {"model": "random_agent"}, task="cartpole")
    (panels,) = make_report(rows, found, registry=registry).curves
    assert [(panel.declared, [curve.label for curve in panel.curves]) for panel in panels] == [
        (True, ["dqn_2013", "random_agent"]),
        (False, ["dqn_2013"]),
    ]


def test_a_step_says_how_many_frames_it_has_where_they_were_recorded(make):
    losses = {"loss": [(10, 1.0), (20, 2.0)]}
    found = recorded(a=losses | {"frames": [(10, 40.0), (20, 80.0)]})
    ((panel,),) = make_report(make.frame([make.row(trial_id="a")]), found).curves
    assert panel.along == "step of 4 frames"
    assert "<span>step of 4 frames</span>" in render(make_report(make.frame([make.row(trial_id="a")]), found))


def test_steps_of_different_frames_are_only_steps(make):
    losses = {"loss": [(10, 1.0), (20, 2.0)]}
    found = recorded(a=losses | {"frames": [(10, 40.0)]}, b=losses | {"frames": [(10, 30.0)]})
    ((panel,),) = make_report(two_seeds(make), found).curves
    assert panel.along == "step"
