"""Which printed numbers stand beside which of our tasks and metrics, and how what they measure differs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.errors import PluginError
from harness.specs import PublishedResult
from harness_published.printed import Printed, all_printed


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """Printed rows for metrics of one task of ours, with these options.

    Rows of `printed_task` and `printed_metric` are meant; empty `datasets`, `sources` and `systems` leave them all.
    `quantity` and `unit` say what the paper's number is, `setting` where it was measured as far as the dataset's name
    leaves that open, `differs` what is otherwise than on our board.
    """

    task: str
    metrics: tuple[str, ...]
    printed_task: str
    printed_metric: str
    quantity: str
    unit: str
    differs: str
    options: Mapping[str, Any] = field(default_factory=dict)
    datasets: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    systems: tuple[str, ...] = ()
    setting: str = ""

    def means(self, row: Printed) -> bool:
        """Whether the row is one of those that are meant."""
        chosen = ((self.datasets, row.dataset), (self.sources, row.source), (self.systems, row.system))
        named = (row.task, row.metric) == (self.printed_task, self.printed_metric)
        return named and all(not wanted or found in wanted for wanted, found in chosen)


def results(beside: Iterable[Beside], rows: Iterable[Printed] | None = None) -> tuple[PublishedResult, ...]:
    """The results of those rows that have a value, in their order, for each of `beside`.

    Raises PluginError where one of `beside` means no row: its names have left the file.
    """
    printed = all_printed() if rows is None else tuple(rows)
    found: list[PublishedResult] = []
    for item in beside:
        meant = [row for row in printed if item.means(row)]
        if not meant:
            raise PluginError(
                f"beside {item.task}, {', '.join(item.metrics)}: no printed row has task {item.printed_task!r} and "
                f"metric {item.printed_metric!r} with the chosen datasets, sources and systems; write them as the "
                "file does"
            )
        found += [_result(item, row, row.value) for row in meant if row.value is not None]
    return tuple(found)


def _result(item: Beside, row: Printed, value: float) -> PublishedResult:
    return PublishedResult(
        system=row.system,
        task=item.task,
        metrics=item.metrics,
        value=value,
        quantity=item.quantity,
        unit=item.unit,
        higher_is_better=row.higher_is_better,
        dataset=f"{row.dataset}, {item.setting}" if item.setting else row.dataset,
        protocol=row.protocol,
        source=row.source,
        differs=item.differs,
        options=item.options,
        confidence=row.confidence,
    )
