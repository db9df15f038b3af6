"""Boards in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.reports import aggregates, formatting, scaling_text
from harness.reports.aggregates import AggregateTable
from harness.reports.board import Board, Reference
from harness.reports.entries import Entry
from harness.reports.measured_points import point_of
from harness.reports.published import PublishedGroup
from harness.reports.scaling import ScalingTable
from harness.reports.sweeps import Sweep, make_sweeps

WIDE = 104
MODEL_WIDTH = 18
ALL_METRICS = "all"
LEFT_OUT = ("task options", "metric", "data digest", "candidates tried")


def print_boards(
    boards: Sequence[Board],
    console: Console,
    metrics: Sequence[str] = (),
    published: Sequence[Sequence[PublishedGroup]] = (),
    tables: Sequence[AggregateTable] = (),
    scalings: Sequence[ScalingTable] = (),
) -> None:
    """Print each board as a table, then its failed trials and what papers print, which has one item a board.

    `metrics` names further ones to show; `all` means every one that is not of a point along a line. Each of the
    aggregates in `tables` and of the `scalings` stands under its board.
    """
    alongs = {found.board: found.along for found in scalings}
    for place, (board, groups) in enumerate(zip(boards, published or [()] * len(boards), strict=True)):
        console.print(_heading(board))
        console.print(_table(board, wide=console.width >= WIDE))
        console.print(_plain(formatting.explanation(board), "dim"))
        shown = tuple(item for item in board.conditions if item.name not in LEFT_OUT)
        console.print(_plain(formatting.conditions(shown), "dim"))
        for line in formatting.failures(board):
            console.print(_plain(line, "red"))
        if metrics:
            console.print(_metrics_table(board, metrics, alongs.get(place)))
        for group in groups:
            _print_published(group, console)
        console.print()
        for scaling in scalings:
            if scaling.board == place:
                _print_scaling(scaling, console)
        for table in tables:
            if table.board == place:
                _print_aggregates(table, console)
    for sweep in make_sweeps(boards):
        console.print(_sweep_table(sweep))
        console.print()


def _sweep_table(sweep: Sweep) -> Table:
    """The headline of each model at each value of the option."""
    headline = sweep.quantities[0]
    title = Text.assemble((_clean(sweep.task), "bold"), _clean(f"  {headline.name} by {sweep.option}"))
    table = Table(
        title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False
    )
    table.add_column("model", overflow="fold")
    for value in sweep.values:
        table.add_column(formatting.point(value), justify="right")
    for row in headline.rows:
        cells = [
            _plain(formatting.swept(cell, headline.kind), "bold" if first else "")
            for cell, first in zip(row.cells, row.first, strict=True)
        ]
        table.add_row(_plain(row.label), *cells)
    return table


def _heading(board: Board) -> Text:
    text = Text.assemble((_clean(board.task), "bold"), f"  {board.suite} at scale {board.scale}; ")
    text.append(_clean(formatting.heading(board)))
    if board.differs:
        text.append(_clean(f"\nonly {formatting.conditions(board.differs)}"), "yellow")
    return text


def _table(board: Board, *, wide: bool) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
    table.add_column("rank", justify="right", no_wrap=True)
    longest = max(len(line.name if isinstance(line, Reference) else line.label) for line in board.lines)
    table.add_column("model", overflow="fold", min_width=min(longest, MODEL_WIDTH))
    table.add_column(board.metric or "value", justify="right", no_wrap=True)
    table.add_column("ok", justify="right", no_wrap=True)
    table.add_column("params", justify="right", no_wrap=True)
    table.add_column("train", justify="right", no_wrap=True)
    if wide:
        table.add_column("tokens/s", justify="right", no_wrap=True)
        table.add_column("state", justify="right", no_wrap=True)
        table.add_column("peak", justify="right", no_wrap=True)
    table.add_column("notes", overflow="fold")
    for line in board.lines:
        if isinstance(line, Reference):
            blank = [""] * (6 if wide else 3)
            cells = ["", line.name, formatting.value(line), *blank, "baseline"]
            table.add_row(*(_plain(cell, "dim italic") for cell in cells))
        else:
            table.add_row(*(_plain(cell, _style(line)) for cell in _cells(line, wide)))
    return table


def _cells(entry: Entry, wide: bool) -> list[str]:
    costs = entry.costs
    cells = [
        formatting.rank(entry),
        entry.label,
        formatting.value(entry),
        formatting.trials(entry),
        formatting.count(costs.parameters),
        formatting.seconds(costs.train_seconds),
    ]
    if wide:
        cells += [
            formatting.throughput(entry),
            formatting.size(costs.state_bytes),
            formatting.size(costs.peak_memory_bytes),
        ]
    return [*cells, formatting.notes(entry)]


def _metrics_table(board: Board, names: Sequence[str], along: str | None) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading, justify in (("metric", "left"), ("model", "left"), ("value", "right"), ("seeds", "right")):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for entry in board.entries:
        for metric in entry.metrics:
            named = metric.name in names or metric.name.split("[")[0] in names
            if named or (ALL_METRICS in names and not (along and point_of(metric.name, along))):
                summary = metric.summary
                cells = (metric.name, entry.label, formatting.with_interval(summary), str(summary.n))
                table.add_row(*(_plain(cell) for cell in cells))
    for line in board.further_references:
        if ALL_METRICS in names or line.metric in names:
            table.add_row(*(_plain(cell) for cell in (line.metric, line.name, formatting.value(line), "")))
    return table


def _print_aggregates(found: AggregateTable, console: Console) -> None:
    console.print(Text.assemble((_clean(found.task), "bold"), _clean(f"  {aggregates.heading(found)}")))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
    label, *figures, _ = aggregates.headings(found)
    table.add_column(label, overflow="fold")
    for heading in figures:
        table.add_column(heading, justify="right", overflow="fold")
    for row in found.rows:
        table.add_row(*(_plain(cell, "" if row.scores else "red") for cell in aggregates.cells(row, found)[:-1]))
    console.print(table)
    for row in found.rows:
        if row.notes:
            console.print(_plain(f"{row.label}: {'; '.join(row.notes)}", "red"))
    console.print(_plain(aggregates.explanation(found), "dim"))
    console.print()


def _print_scaling(found: ScalingTable, console: Console) -> None:
    """Growth of every entry, who is the fastest where, and what is not there."""
    console.print(Text.assemble((_clean(found.task), "bold"), _clean(f"  along {found.along}")))
    for note in found.notes:
        console.print(_plain(note, "yellow"))
    if found.quantities:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
        rows = scaling_text.compact(found)
        label, *figures = scaling_text.headings(found)
        table.add_column(label, no_wrap=True)
        for heading in figures:
            table.add_column(heading, justify="right", overflow="fold")
        for row in rows:
            exponents = len(row) - len(found.quantities)
            shown = row if console.width >= WIDE else _narrowed(row[:exponents]) + row[exponents:]
            table.add_row(*map(_plain, shown))
        console.print(table)
        console.print(_plain(scaling_text.explanation(found), "dim"))
    if scaling_text.fastest(found):
        console.print(_plain(scaling_text.fastest(found)))
    for line in scaling_text.reasons(found):
        console.print(_plain(line, "dim"))
    console.print()


def _narrowed(cells: tuple[str, ...]) -> tuple[str, ...]:
    """A label over several lines, and values without their intervals."""
    label, *values = cells
    return (textwrap.fill(label, MODEL_WIDTH), *(value.split(" ±")[0] for value in values))


def _print_published(group: PublishedGroup, console: Console) -> None:
    """What papers print beside a metric, and how it differs."""
    console.print(_plain(f"\nPublished, with another protocol. {formatting.printed(group)}", "bold"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True, show_edge=False)
    for heading, justify in (("system", "left"), ("value", "right"), ("dataset, protocol, source", "left")):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for run in group.runs:
        said = "; ".join(filter(None, (run[0].dataset, run[0].protocol, run[0].source)))
        for result in run:
            table.add_row(_plain(result.system), _plain(formatting.printed_value(result)), _plain(said))
            said = "as above"
    console.print(table)
    console.print(_plain(group.differs, "dim"))


def _style(entry: Entry) -> str:
    if entry.summary is None:
        return "red"
    return "bold" if entry.rank == 1 else ""


def _plain(text: str, style: str = "") -> Text:
    """Text in which nothing is markup and no control character reaches the terminal."""
    return Text(_clean(text), style=style)


def _clean(text: str) -> str:
    return "".join(character if character.isprintable() or character == "\n" else "�" for character in text)
