"""A report as one HTML page that needs nothing beside it: no network, no script, no other file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.reports import aggregates, formatting, scaling_text
from harness.reports.board import Board, Reference
from harness.reports.entries import Entry, MetricSummary
from harness.reports.measured_points import point_of
from harness.reports.plots import assign_strokes, make_plot, sweep_plot
from harness.reports.report import Report
from harness.reports.scaling import ScalingTable
from harness.reports.scaling_plots import KIND_NAMES, Bars, CostPlot, cost_plots, memory_bars
from harness.reports.sweeps import make_sweeps

MARGIN = 0.06


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
class ScalingView:
    """A scaling table with its pictures."""

    table: ScalingTable
    plots: tuple[CostPlot, ...]
    stacks: tuple[Bars, ...]


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
    strokes = assign_strokes(report.boards)
    scalings = [
        ScalingView(table, cost_plots(table, strokes[table.suite]), memory_bars(table)) for table in report.scalings
    ]
    alongs = {table.board: table.along for table in report.scalings}
    return environment.get_template("report.html.j2").render(
        report=report,
        formatting=formatting,
        aggregates=aggregates,
        overviews=make_overviews(report.boards),
        axes=[make_axis(board) for board in report.boards],
        plots=[
            [make_plot(panel, strokes[board.suite]) for panel in panels]
            for board, panels in zip(report.boards, report.curves, strict=True)
        ],
        strokes=strokes,
        sweeps=make_sweeps(report.boards),
        sweep_plot=sweep_plot,
        scalings=scalings,
        scaling_text=scaling_text,
        kind_names=KIND_NAMES,
        metric_names=[further_metrics(board, alongs.get(place)) for place, board in enumerate(report.boards)],
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


def further_metrics(board: Board, along: str | None = None) -> tuple[str, ...]:
    """Names of the metrics beside the headline, in the order in which entries have them.

    Those of points `along` a line stand in the board's scaling table instead.
    """
    names = dict.fromkeys(metric.name for entry in board.entries for metric in entry.metrics)
    return tuple(name for name in names if name != board.metric and not (along and point_of(name, along)))


def reference_names(board: Board) -> tuple[str, ...]:
    """Names of the baselines that metrics beside the headline have."""
    return tuple(sorted({line.name for line in board.further_references}))


def find_reference(board: Board, metric: str, name: str) -> Reference | None:
    return next((line for line in board.further_references if (line.metric, line.name) == (metric, name)), None)


def find_metric(entry: Entry, name: str) -> MetricSummary | None:
    return next((metric for metric in entry.metrics if metric.name == name), None)
