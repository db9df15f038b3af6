"""Scaling tables in every form of report, and their pictures."""

import io
import json
import re

import pytest
from click.testing import CliRunner
from rich.console import Console

from harness.cli import cli
from harness.registry import load_registry
from harness.reports import html, markdown
from harness.reports.report import make_report
from harness.reports.scaling_plots import cost_plots, memory_bars
from harness.reports.terminal import print_boards
from harness.store import Store

REGISTRY = load_registry()
LENGTHS = (256, 512, 1024, 2048)


def terminal(report, width=100, metrics=()):
    console = Console(file=io.StringIO(), width=width)
    print_boards(report.boards, console, metrics, scalings=report.scalings)
    return console.file.getvalue()


FORMS = pytest.mark.parametrize("show", [terminal, markdown.render, html.render], ids=["terminal", "markdown", "page"])


@pytest.fixture
def line(make):
    """A row of a model that was measured at some lengths, whose time grows with their power."""

    def build(model="mamba", power=1, lengths=LENGTHS, seed=0, stopped="", empty=1e-5, state=None):
        metrics = [make.metric("tokens_per_second", 1.0, "1/s")]
        for length in lengths:
            values = {"call_seconds": 1e-4 * (length / 256) ** power, "empty_call_seconds": empty}
            values |= {"parameter_bytes": 4096.0, "gradient_bytes": 0.0, "optimizer_bytes": 0.0}
            values |= {"activation_bytes": 16.0 * length, "workspace_bytes": 0.0}
            values |= {"allocated_peak_bytes": 4096.0 + 16 * length, "sequence_state_bytes": state}
            metrics += [make.metric(f"{name}[length={length}]", value, "s", False) for name, value in values.items()]
        return make.row(
            suite="scaling", task="training_step", model=model, seed=seed, kernels={}, chance=None,
            metric="tokens_per_second", value=1.0, metrics=metrics, stopped=stopped,
            task_options=f'{{"lengths":{list(LENGTHS)}}}',
        )  # fmt: skip

    return build


@pytest.fixture
def report(make):
    return lambda *rows: make_report(make.frame(list(rows)), registry=REGISTRY)


@pytest.fixture
def compared(report, line):
    """Two models of two seeds that part, and one that does not reach the last length."""
    rows = [line(model, power, seed=seed) for model, power in (("transformer", 2), ("lstm", 1)) for seed in range(2)]
    return report(*rows, line("s4", 1.5, lengths=LENGTHS[:-1], stopped="length 2048 does not fit the memory"))


def words(text):
    """On one line, without what draws tables."""
    return " ".join(re.sub(r"[\\|*]", " ", text).split())


@pytest.mark.parametrize("show", [terminal, markdown.render], ids=["terminal", "markdown"])
@pytest.mark.parametrize(
    "expected",
    ["transformer 100 µs 6.40 ms", "2.00 ±0.00 (2)", "1.00 ±0.00 (1)", "fastest: 256 lstm = s4 = transformer;",
     "s4 was not measured at 2,048: length 2048 does not fit the memory", "No exponent of s4 (time), s4 (memory): 3"],
)  # fmt: skip
def test_text_shows_growth_and_what_is_not_there(show, expected, compared):
    assert expected in words(show(compared))


@pytest.mark.parametrize(
    "expected",
    ["<h3>Along length</h3>", "<td>2.00 ±0.00</td><td>2</td><td>1.0000</td>", "<h4>Memory by kind</h4>",
     '<td class="soft" title="length 2048 does not fit the memory">not reached</td>',
     "<li>s4 was not measured at 2,048: length 2048 does not fit the memory</li>",
     '<title>slope 2</title>', "an empty model's call", 'title="length 256: activations 4 KiB"'],
)  # fmt: skip
def test_the_page_shows_growth_pictures_and_what_is_not_there(expected, compared):
    assert expected in html.render(compared)


def test_the_page_has_metrics_of_points_in_the_scaling_section_alone(compared):
    page = html.render(compared)
    assert "[length=" not in page
    assert compared.boards[0].entries[0].metrics[1].name == "call_seconds[length=256]"


def test_the_terminal_shows_metrics_of_points_only_where_they_are_named(compared):
    assert "call_seconds[length=256]" not in terminal(compared, metrics=("all",))
    assert "call_seconds[length=256]" in terminal(compared, metrics=("call_seconds",))


@pytest.mark.parametrize("width", [80, 140])
def test_terminal_lines_fit_the_width(width, compared):
    assert max(map(len, terminal(compared, width).splitlines())) <= width


def test_a_narrow_terminal_cuts_nothing_off(report, line):
    rows = [line("a_model_with_a_name", seed=seed, state=64.0) for seed in range(2)]
    assert "1.00 ±0.00 1.00 ±0.00 0.00 ±0.00" in words(terminal(report(*rows), 80))


@FORMS
def test_the_same_rows_give_the_same_text(show, make, line):
    rows = [line(model, seed=seed) for model in ("lstm", "mamba") for seed in range(2)]
    first, second = (make_report(make.frame(given), registry=REGISTRY) for given in (rows, rows[::-1]))
    assert show(first) == show(second)


@FORMS
def test_a_board_on_which_nothing_was_measured_is_not_empty(show, report, make):
    failed = make.failure(
        "out_of_memory", "length 256 does not fit", model="s4", suite="scaling", task="training_step",
        task_options="{}",
    )  # fmt: skip
    shown = words(show(report(failed)))
    assert "Nothing was measured along length." in shown
    assert "length 256 does not fit" in shown


@FORMS
def test_one_point_of_one_seed_is_shown(show, report, line):
    shown = words(show(report(line(lengths=(256,)))))
    assert "One point was measured: nothing is said of growth." in shown
    assert "One seed: its values have no interval" in shown


def test_a_line_of_slope_two_lies_on_its_guide(report, line):
    (table,) = report(line("transformer", 2, empty=None)).scalings
    (plot, _) = cost_plots(table, {"transformer": 0})
    points = [tuple(map(float, pair.split(","))) for pair in plot.lines[0].points.split()]
    (left, top), (right, bottom) = [tuple(map(float, pair.split(","))) for pair in plot.guides[1].split()]
    guide = (bottom - top) / (right - left)
    assert [(y - points[0][1]) / (x - points[0][0]) for x, y in points[1:]] == pytest.approx([guide] * 3, rel=1e-3)


def test_points_of_equal_ratio_lie_equally_far_apart(report, line):
    (table,) = report(line()).scalings
    plot = cost_plots(table, {"mamba": 0})[0]
    assert [tick.place for tick in plot.across] == pytest.approx([0, 33.33, 66.67, 100])
    assert [tick.text for tick in plot.across] == ["256", "512", "1,024", "2,048"]


def test_marks_are_hollow_where_overhead_is_much(report, line):
    (table,) = report(line(empty=3e-5)).scalings
    plot = cost_plots(table, {"mamba": 0})[0]
    assert [mark.hollow for mark in plot.lines[0].marks] == [True, False, False, False]
    assert plot.hollow


def test_an_axis_of_equal_values_spans_a_factor_of_four(report, line):
    (table,) = report(line(power=0, empty=None)).scalings
    plot = cost_plots(table, {"mamba": 0})[0]
    assert {mark.y for mark in plot.lines[0].marks} == {50.0}
    assert [tick.text for tick in plot.upward] == ["50 µs", "100 µs", "200 µs"]


def test_bars_add_up_to_the_peak(report, line):
    (stack,) = memory_bars(report(line()).scalings[0])
    assert [bar.total for bar in stack.bars] == ["8 KiB", "12 KiB", "20 KiB", "36 KiB"]
    assert [(part.kind, part.left, part.width) for part in stack.bars[-1].parts] == [(0, 0.0, 11.11), (3, 11.11, 88.89)]


def test_leaderboard_has_the_tables(line, tmp_path):
    store = Store(tmp_path)
    store.prepare()
    store.write_row(line())
    shown = CliRunner().invoke(cli, ["leaderboard", "--results", str(tmp_path)])
    assert "training_step  along length" in shown.output
    found = CliRunner().invoke(cli, ["leaderboard", "--results", str(tmp_path), "--json"])
    assert json.loads(found.output)["scalings"][0]["points"] == list(LENGTHS)
