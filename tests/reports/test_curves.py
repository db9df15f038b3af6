"""Learning curves of a board."""

import pandas as pd
import pytest

from harness.reports.html import render
from harness.reports.report import make_report


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
