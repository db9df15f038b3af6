"""A report as one HTML page that needs nothing beside it: no network, no script, no other file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.reports import formatting
from harness.reports.board import Board, Reference
from harness.reports.curves import Curve, Panel
from harness.reports.entries import Entry, MetricSummary
from harness.reports.report import Report
from harness.reports.sweeps import Sweep, make_sweeps

MARGIN = 0.06
NUM_STROKES = 8


@dataclass(frozen=True, slots=True)
class Axis:
    """The values that a board's column of intervals spans; places on it are percentages."""

    low: float
    high: float

    def place(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(100 * min(1.0, max(0.0, share)), 2)


@dataclass(frozen=True, slots=True)
class OverviewRow:
    """One model on all boards of a suite and scale; None where it has no entry."""

    label: str
    cells: tuple[Entry | None, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """Who stands where, for one suite and scale. `boards` are places in the report's boards."""

    suite: str
    scale: str
    boards: tuple[int, ...]
    rows: tuple[OverviewRow, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A learning curve as an SVG polyline in a box of 100 by 100; `stroke` numbers its colour and dashes."""

    label: str
    n: int
    points: str
    stroke: int


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves of one quantity with the ends of their axes."""

    quantity: str
    lines: tuple[Line, ...]
    lowest: float
    highest: float
    first: float
    last: float


def render(report: Report) -> str:
    """The page. The same report gives the same bytes."""
    environment = Environment(
        loader=PackageLoader("harness.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html.j2").render(
        report=report,
        formatting=formatting,
        overviews=make_overviews(report.boards),
        axes=[make_axis(board) for board in report.boards],
        plots=[[make_plot(panel) for panel in panels] for panels in report.curves],
        sweeps=make_sweeps(report.boards),
        sweep_plot=sweep_plot,
        metric_names=[further_metrics(board) for board in report.boards],
        find_metric=find_metric,
        reference_names=reference_names,
        find_reference=find_reference,
        is_reference=lambda line: isinstance(line, Reference),
    )


def make_axis(board: Board) -> Axis:
    """Spans the board's means and references, and their intervals as far as they do not dwarf these."""
    summaries = [entry.summary for entry in board.entries if entry.summary is not None]
    values = [summary.mean for summary in summaries] + [reference.value for reference in board.references]
    if not values:
        return Axis(0.0, 1.0)
    low, high = min(values), max(values)
    span = (high - low) or abs(high) or 1.0
    ends = [end for summary in summaries for end in (summary.low, summary.high) if end is not None]
    low = max(min([low, *ends]), low - span / 2)
    high = min(max([high, *ends]), high + span / 2)
    margin = MARGIN * ((high - low) or span)
    return Axis(low - margin, high + margin)


def make_overviews(boards: Sequence[Board]) -> tuple[Overview, ...]:
    """One table a suite and scale; models that are first most often stand above."""
    overviews = []
    for suite, scale in dict.fromkeys((board.suite, board.scale) for board in boards):
        places = tuple(i for i, board in enumerate(boards) if (board.suite, board.scale) == (suite, scale))
        by_label = [{entry.label: entry for entry in boards[place].entries} for place in places]
        labels = {label for found in by_label for label in found}
        rows = [OverviewRow(label, tuple(found.get(label) for found in by_label)) for label in labels]
        overviews.append(Overview(suite, scale, places, tuple(sorted(rows, key=_standing))))
    return tuple(overviews)


def _standing(row: OverviewRow) -> tuple[int, float, str]:
    ranks = [cell.rank for cell in row.cells if cell is not None and cell.rank is not None]
    mean = sum(ranks) / len(ranks) if ranks else float("inf")
    return -ranks.count(1), mean, row.label


def make_plot(panel: Panel) -> Plot | None:
    """Polylines of the curves; None without any."""
    points = [point for curve in panel.curves for point in curve.points]
    if not points:
        return None
    steps, values = [step for step, _ in points], [value for _, value in points]
    first, last, lowest, highest = min(steps), max(steps), min(values), max(values)
    width, height = (last - first) or 1.0, (highest - lowest) or 1.0
    lines = [
        Line(
            label=curve.label,
            n=curve.n,
            points=" ".join(
                f"{100 * (step - first) / width:.2f},{100 * (highest - value) / height:.2f}"
                for step, value in curve.points
            ),
            stroke=index % NUM_STROKES,
        )
        for index, curve in enumerate(panel.curves)
    ]
    return Plot(panel.quantity, tuple(lines), lowest, highest, first, last)


def sweep_plot(sweep: Sweep) -> Plot | None:
    """Polylines of the headline against the option, whose axis is logarithmic where it can be."""
    scaled = [math.log(value) if sweep.values[0] > 0 else value for value in sweep.values]
    curves = [
        Curve(
            label=row.label,
            n=max((cell.n for cell in row.cells if cell is not None), default=0),
            points=tuple((x, cell.mean) for x, cell in zip(scaled, row.cells, strict=True) if cell is not None),
        )
        for row in sweep.quantities[0].rows
    ]
    return make_plot(Panel(quantity=sweep.quantities[0].name, curves=tuple(curves)))


def further_metrics(board: Board) -> tuple[str, ...]:
    """Names of the metrics beside the headline, in the order in which entries have them."""
    names = dict.fromkeys(metric.name for entry in board.entries for metric in entry.metrics)
    return tuple(name for name in names if name != board.metric)


def reference_names(board: Board) -> tuple[str, ...]:
    """Names of the baselines that metrics beside the headline have."""
    return tuple(sorted({line.name for line in board.further_references}))


def find_reference(board: Board, metric: str, name: str) -> Reference | None:
    return next((line for line in board.further_references if (line.metric, line.name) == (metric, name)), None)


def find_metric(entry: Entry, name: str) -> MetricSummary | None:
    return next((metric for metric in entry.metrics if metric.name == name), None)
