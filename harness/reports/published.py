"""Numbers that papers print, for the boards of the same task and metric."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from harness.errors import PluginError
from harness.specs import PublishedResult

if TYPE_CHECKING:
    from harness.registry import Registry
    from harness.reports.board import Board

SHOWN = ("verified",)


@dataclass(frozen=True, kw_only=True, slots=True)
class PublishedGroup:
    """Published results that stand beside the same metrics of a board and differ from it in the same way.

    They keep the order in which their plugin has them: nothing is ranked.
    """

    metrics: tuple[str, ...]
    quantity: str
    unit: str
    higher_is_better: bool | None
    differs: str
    results: tuple[PublishedResult, ...]

    @property
    def runs(self) -> tuple[tuple[PublishedResult, ...], ...]:
        """Neighbours that share dataset, protocol and source, so that a table need say them once."""
        return tuple(tuple(found) for _, found in groupby(self.results, key=_circumstances))


def load_published(
    registry: Registry, tasks: Iterable[str], confidences: Sequence[str] = SHOWN
) -> tuple[PublishedResult, ...]:
    """The results of these confidences from every table that has any for these tasks; no other table is loaded.

    Raises PluginError where a table holds what it did not announce.
    """
    wanted = set(tasks)
    found: list[PublishedResult] = []
    for name in registry.published.names():
        table = registry.published[name].spec
        if wanted.isdisjoint(table.tasks):
            continue
        for result in table.results.load():
            if not isinstance(result, PublishedResult) or result.task not in table.tasks:
                raise PluginError(
                    f"the table {name!r} of published results holds {result!r}; it announces results of the tasks "
                    f"{', '.join(table.tasks)}: add the task to the table's tasks, or leave this out"
                )
            found.append(result)
    return tuple(result for result in found if result.task in wanted and result.confidence in confidences)


def make_published(boards: Sequence[Board], registry: Registry | None) -> tuple[tuple[PublishedGroup, ...], ...]:
    """What papers print, for each board; nothing without a registry."""
    results = () if registry is None else load_published(registry, (board.task for board in boards))
    return tuple(published_beside(board, results) for board in boards)


def published_beside(board: Board, results: Iterable[PublishedResult]) -> tuple[PublishedGroup, ...]:
    """The results of the board's task and options for the metrics that its trials have."""
    known = {board.metric, *(metric.name for entry in board.entries for metric in entry.metrics)}
    options = board.task_options
    groups: dict[tuple[Any, ...], list[PublishedResult]] = {}
    for result in results:
        metrics = tuple(metric for metric in result.metrics if metric in known)
        if metrics and result.task == board.task and _agrees(result.options, options):
            key = (metrics, result.quantity, result.unit, result.higher_is_better, result.differs)
            groups.setdefault(key, []).append(result)
    return tuple(
        PublishedGroup(
            metrics=metrics,
            quantity=quantity,
            unit=unit,
            higher_is_better=higher_is_better,
            differs=differs,
            results=tuple(found),
        )
        for (metrics, quantity, unit, higher_is_better, differs), found in groups.items()
    )


def _circumstances(result: PublishedResult) -> tuple[str, str, str]:
    return result.dataset, result.protocol, result.source


def _agrees(wanted: Mapping[str, Any], options: Mapping[str, Any]) -> bool:
    return all(name in options and options[name] == value for name, value in wanted.items())
