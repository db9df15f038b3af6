"""A report: boards with what stands beside them, from which every form is rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.reports.aggregates import AggregateTable, make_aggregates
from harness.reports.board import Board, boards_of, plain_rows
from harness.reports.curves import Panel, make_panels
from harness.reports.galleries import Files, Gallery, make_galleries
from harness.reports.provenance import Provenance, make_provenance
from harness.reports.published import PublishedGroup, make_published
from harness.reports.scaling import ScalingTable, make_scalings

if TYPE_CHECKING:
    import pandas as pd

    from harness.registry import Registry


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What every form of report is rendered from. `curves`, `galleries` and `published` have one item a board,
    `aggregates` and `scalings` say under which they stand; `missing` counts planned trials that have no row yet."""

    boards: tuple[Board, ...]
    provenance: Provenance
    curves: tuple[tuple[Panel, ...], ...]
    galleries: tuple[tuple[Gallery, ...], ...]
    published: tuple[tuple[PublishedGroup, ...], ...]
    aggregates: tuple[AggregateTable, ...] = ()
    scalings: tuple[ScalingTable, ...] = ()
    missing: int = 0


def make_report(
    rows: pd.DataFrame,
    curves: pd.DataFrame | None = None,
    missing: int = 0,
    artifacts: Files | None = None,
    registry: Registry | None = None,
) -> Report:
    """The report of these rows, with their learning curves (`Store.curves`) and files (`Store.artifacts`).

    The registry knows the published results, what is aggregated, and whose training losses are one quantity. Raises
    StoreError without rows.
    """
    plain = plain_rows(rows)
    boards = boards_of(plain)
    return Report(
        boards=boards,
        provenance=make_provenance(plain),
        curves=tuple(make_panels(board.task, board.entries, curves, registry) for board in boards),
        galleries=tuple(make_galleries(board.entries, artifacts or {}) for board in boards),
        published=make_published(boards, registry),
        aggregates=make_aggregates(boards, registry),
        scalings=make_scalings(boards, curves, registry),
        missing=missing,
    )
