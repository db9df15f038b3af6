"""Boards in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.reports import aggregates, formatting
from harness.reports.aggregates import AggregateTable
from harness.reports.board import Board, Reference
from harness.reports.entries import Entry
from harness.reports.published import PublishedGroup
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
) -> None:
    """Print each board as a table, then its failed trials and what papers print, which has one item a board.

    `metrics` names further ones to show; `all` means every. Each of the aggregates in `tables` stands under its board.
    """
    for place, (board, groups) in enumerate(zip(boards, published or [()] * len(boards), strict=True)):
        console.print(_heading(board))
        console.print(_table(board, wide=console.width >= WIDE))
        console.print(_plain(formatting.explanation(board), "dim"))
        shown = tuple(item for item in board.conditions if item.name not in LEFT_OUT)
        console.print(_plain(formatting.conditions(shown), "dim"))
        for line in formatting.failures(board):
            console.print(_plain(line, "red"))
        if metrics:
            console.print(_metrics_table(board, metrics))
        for group in groups:
            _print_published(group, console)
        console.print()
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


def _metrics_table(board: Board, names: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for heading, justify in (("metric", "left"), ("model", "left"), ("value", "right"), ("seeds", "right")):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for entry in board.entries:
        for metric in entry.metrics:
            if ALL_METRICS in names or metric.name in names or metric.name.split("[")[0] in names:
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
