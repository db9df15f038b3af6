"""A report in Markdown, for a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from harness.reports import aggregates, formatting, scaling_text
from harness.reports.aggregates import AggregateTable
from harness.reports.board import Board, Reference
from harness.reports.entries import Entry
from harness.reports.provenance import Provenance
from harness.reports.published import PublishedGroup
from harness.reports.report import Report
from harness.reports.scaling import ScalingTable
from harness.reports.sweeps import Sweep, SweepRow, make_sweeps

MARKS = re.compile(r"([\\`*\[\]|~#])|(?<![A-Za-z0-9])(_)|(_)(?![A-Za-z0-9])")
PUBLISHED_COLUMNS = ("system", "value", "dataset", "protocol", "source")
COLUMNS = ("rank", "model", "value", "trials ok", "to the best", "parameters", "train", "tokens/s", "state", "notes")


def render(report: Report) -> str:
    """The whole report as Markdown with tables."""
    sweeps = [_sweep(sweep) for sweep in make_sweeps(report.boards)]
    boards = [_board(board, groups) for board, groups in zip(report.boards, report.published, strict=True)]
    boards = [_with_scalings(place, board, report.scalings) for place, board in enumerate(boards)]
    boards = [_with_aggregates(place, board, report.aggregates) for place, board in enumerate(boards)]
    parts = ["# Leaderboard", _summary(report), *sweeps, *boards]
    return "\n\n".join([*parts, _provenance(report.provenance)]) + "\n"


def _summary(report: Report) -> str:
    statuses = ", ".join(f"{count} {status}" for status, count in report.provenance.statuses)
    missing = f" {report.missing} planned trials have no row yet." if report.missing else ""
    return f"{report.provenance.num_rows} trials: {text(statuses)}.{missing}"


def _board(board: Board, groups: Sequence[PublishedGroup]) -> str:
    apart = f"Only {text(formatting.conditions(board.differs))}.\n\n" if board.differs else ""
    rows = [_reference(line) if isinstance(line, Reference) else _entry(line) for line in board.lines]
    parts = [
        f"## {text(board.task)} ({text(board.suite)}, {text(board.scale)})",
        f"{apart}{text(formatting.heading(board))}. {text(formatting.explanation(board))}",
        table(COLUMNS, rows),
        f"<sub>{text(formatting.conditions(board.conditions))}</sub>",
    ]
    failures = [f"- {text(line)}" for line in formatting.failures(board)]
    parts += ["Failed trials:\n\n" + "\n".join(failures)] if failures else []
    return "\n\n".join(
        [*parts, *(["### Published, with another protocol"] if groups else []), *map(_published, groups)]
    )


def _with_scalings(place: int, board: str, tables: Iterable[ScalingTable]) -> str:
    return "\n\n".join([board, *(_scaling(found) for found in tables if found.board == place)])


def _scaling(found: ScalingTable) -> str:
    """Growth of every entry, who is the fastest where, and what is not there."""
    parts = [f"### Along {text(found.along)}", *map(text, found.notes)]
    if found.quantities:
        headings = [text(heading) for heading in scaling_text.headings(found)]
        rows = [[text(cell) for cell in row] for row in scaling_text.compact(found)]
        parts += [table(headings, rows), text(scaling_text.explanation(found))]
    lines = [scaling_text.fastest(found)] if scaling_text.fastest(found) else []
    lines += scaling_text.crossings(found) + scaling_text.reasons(found)
    return "\n\n".join([*parts, *(["\n".join(f"- {text(line)}" for line in lines)] if lines else [])])


def _with_aggregates(place: int, board: str, tables: Iterable[AggregateTable]) -> str:
    return "\n\n".join([board, *(_aggregates(found) for found in tables if found.board == place)])


def _aggregates(found: AggregateTable) -> str:
    title = f"## {text(found.task)}: {text(aggregates.heading(found))} ({text(found.suite)}, {text(found.scale)})"
    rows = [[text(cell) for cell in aggregates.cells(row, found)] for row in found.rows]
    return "\n\n".join([title, text(aggregates.explanation(found)), table(aggregates.headings(found), rows)])


def _published(group: PublishedGroup) -> str:
    rows = [
        [
            text(result.system),
            formatting.printed_value(result),
            *map(text, (result.dataset, result.protocol, result.source)),
        ]
        for result in group.results
    ]
    heading = f"{text(formatting.printed(group))} {text(group.differs)}"
    return f"{heading}\n\n{table(PUBLISHED_COLUMNS, rows)}"


def _sweep(sweep: Sweep) -> str:
    tables = [
        table(
            (text(quantity.name), *(f"{text(sweep.option)} {formatting.point(value)}" for value in sweep.values)),
            [_swept(row, quantity.kind) for row in quantity.rows],
        )
        for quantity in sweep.quantities
    ]
    heading = f"## {text(sweep.task)} by {text(sweep.option)} ({text(sweep.suite)}, {text(sweep.scale)})"
    return "\n\n".join([heading, *tables])


def _swept(row: SweepRow, kind: str) -> list[str]:
    cells = [formatting.swept(cell, kind) for cell in row.cells]
    marked = [f"**{cell}**" if first else cell for cell, first in zip(cells, row.first, strict=True)]
    return [text(row.label), *marked]


def _entry(entry: Entry) -> list[str]:
    costs = entry.costs
    label = f"**{text(entry.label)}**" if entry.rank == 1 else text(entry.label)
    return [
        formatting.rank(entry),
        label,
        text(formatting.value(entry)),
        formatting.trials(entry),
        text(formatting.difference(entry.behind)),
        formatting.count(costs.parameters),
        formatting.seconds(costs.train_seconds),
        formatting.throughput(entry),
        formatting.size(costs.state_bytes),
        text(formatting.notes(entry)),
    ]


def _reference(line: Reference) -> list[str]:
    return ["", f"*{text(line.name)}*", formatting.value(line), *[""] * (len(COLUMNS) - 4), "baseline"]


def _provenance(provenance: Provenance) -> str:
    parts = ["## Provenance"]
    parts.append(
        table(
            ("run", "trials", "first start", "last end"),
            [[text(run.run_id), str(run.num_rows), run.started, run.ended] for run in provenance.runs],
        )
    )
    parts.append(
        table(
            ("hardware", "CPU", "memory", "system", "versions", "rows"),
            [
                [
                    text(f"{machine.hardware or 'not told'} ({machine.device})"),
                    text(formatting.processor(machine)),
                    formatting.size(machine.ram_bytes),
                    text(machine.os),
                    text(", ".join(f"{name} {version}" for name, version in machine.versions)),
                    str(machine.num_rows),
                ]
                for machine in provenance.machines
            ],
        )
    )
    if provenance.data:
        parts.append(
            table(
                ("data", "tier", "licence", "origin", "SHA-256", "rows"),
                [
                    [
                        *map(text, (item.dataset, item.tier, item.licence, item.origin, item.digest[:12])),
                        str(item.num_rows),
                    ]
                    for item in provenance.data
                ],
            )
        )
    parts.append(
        table(
            ("commit", "changes beside it", "rows"),
            [
                [text(code.commit or "no checkout"), "yes" if code.dirty else "no", str(code.num_rows)]
                for code in provenance.code
            ],
        )
    )
    return "\n\n".join(parts)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are Markdown already."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def text(value: str) -> str:
    """Any text so that Markdown and HTML in it show as text, on one line."""
    flat = " ".join(value.split())
    escaped = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return MARKS.sub(lambda found: "\\" + found.group(0), escaped)
