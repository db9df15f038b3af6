"""Curves as lines and bands."""

import pandas as pd
import pytest

from harness.reports.board import make_boards
from harness.reports.curves import Curve, Panel
from harness.reports.html import render
from harness.reports.plots import assign_strokes, make_plot
from harness.reports.report import make_report

POINTS = ((0, 0.0), (10, 1.0))


def drawn(*curves):
    labels = {curve.label: place for place, curve in enumerate(curves)}
    return make_plot(Panel(quantity="score", curves=curves), labels)


def curve(label="model", band=()):
    return Curve(label=label, n=2, points=POINTS, band=band)


def test_a_line_spans_the_box():
    assert [line.points for line in drawn(curve()).lines] == ["0.00,100.00 100.00,0.00"]


def test_the_axis_holds_a_band_that_is_narrow():
    plot = drawn(curve(band=((-0.25, 0.25), (0.75, 1.25))))
    assert (plot.lowest, plot.highest) == (-0.25, 1.25)
    assert plot.lines[0].band == "0.00,66.67 100.00,0.00 100.00,33.33 0.00,100.00"


def test_a_band_that_dwarfs_the_means_ends_at_the_edge():
    plot = drawn(curve(band=((-90.0, 90.0), (-90.0, 90.0))))
    assert (plot.lowest, plot.highest) == (-0.5, 1.5)
    assert plot.lines[0].band == "0.00,0.00 100.00,0.00 100.00,100.00 0.00,100.00"


def test_a_model_has_its_stroke_on_every_board_of_a_suite(make):
    rows = make.seeds("mamba", [0.5], task="one") + make.seeds("s4d", [0.5], task="two")
    strokes = assign_strokes(make_boards(make.frame(rows + make.seeds("lstm", [0.5], task="two"))))
    assert strokes == {"long-context": {"lstm": 0, "mamba": 1, "s4d": 2}}


@pytest.mark.parametrize("count", [8, 40])
def test_no_two_models_have_the_same_colour_and_dashes(count):
    lines = drawn(*(curve(f"model {number}") for number in range(count))).lines
    assert len({(line.colour, line.dashes) for line in lines}) == count


def test_the_first_models_have_colours_of_their_own():
    assert len({line.colour for line in drawn(*(curve(str(number)) for number in range(8))).lines}) == 8


def test_nothing_to_draw_is_no_plot():
    assert make_plot(Panel(quantity="score", curves=()), {}) is None


def test_a_page_shows_bands(make, points_of_two_seeds):
    rows = make.frame([make.row(trial_id="a", seed=0), make.row(trial_id="b", seed=1)])
    page = render(make_report(rows, points_of_two_seeds))
    assert page.count('<polygon class="band s0"') == 1
    assert page.count('<polyline class="s0 d0"') == 1


@pytest.fixture
def points_of_two_seeds():
    found = [("a", 10, 1.0), ("a", 20, 2.0), ("b", 10, 2.0), ("b", 20, 4.0)]
    points = pd.DataFrame(found, columns=["trial_id", "step", "value"])
    return points.assign(candidate=0, chosen=True, name="loss")
