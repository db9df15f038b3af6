"""Numbers and findings of a board as text, the same in every form of report."""

from __future__ import annotations

import math

from harness.reports.board import Board, Condition, Reference
from harness.reports.entries import Entry
from harness.reports.provenance import MachineFacts
from harness.reports.published import PublishedGroup
from harness.specs import PublishedResult
from harness.statistics import PairedDifference, Summary


def number(value: float) -> str:
    """Four significant digits at most, three decimals for values about one."""
    if not math.isfinite(value):
        return str(value)
    if value != 0 and abs(value) < 0.0005:
        return f"{value:.1e}"
    return f"{value:.{_decimals(value)}f}"


def with_interval(summary: Summary) -> str:
    """`0.982 ±0.011`; without an interval the mean alone."""
    if summary.half_width is None:
        return number(summary.mean)
    decimals = _decimals(summary.mean)
    smallest = 10.0**-decimals
    if 0 < summary.half_width < smallest / 2:
        return f"{number(summary.mean)} ±<{smallest:.{decimals}f}"
    return f"{number(summary.mean)} ±{summary.half_width:.{decimals}f}"


def _decimals(value: float) -> int:
    size = abs(value)
    if size < 10:
        return 3
    return 2 if size < 100 else 1 if size < 1000 else 0


def count(value: float | None) -> str:
    """`81.2k`, `1.3M`; a dash for nothing."""
    return _scaled(value, 1000, ("", "k", "M", "G", "T"))


def size(value: float | None) -> str:
    """Bytes, in binary units."""
    return _scaled(value, 1024, (" B", " KiB", " MiB", " GiB", " TiB"))


def _scaled(value: float | None, base: int, units: tuple[str, ...]) -> str:
    if value is None:
        return "–"
    scaled, index = float(value), 0
    while abs(scaled) >= base * 0.9995 and index < len(units) - 1:
        scaled, index = scaled / base, index + 1
    if abs(scaled) < 100 and scaled != round(scaled):
        return f"{scaled:.1f}{units[index]}"
    return f"{scaled:.0f}{units[index]}"


def throughput(entry: Entry) -> str:
    """Training throughput in tokens a second, or in examples where nothing has tokens."""
    costs = entry.costs
    if costs.tokens_per_second is None and costs.examples_per_second is not None:
        return f"{count(costs.examples_per_second)} ex"
    return count(costs.tokens_per_second)


def swept(summary: Summary | None, kind: str) -> str:
    """A cell of a sweep."""
    if summary is None:
        return "–"
    if kind == "count":
        return count(summary.mean)
    return size(summary.mean) if kind == "size" else with_interval(summary)


def point(value: float) -> str:
    """A value of a swept option."""
    return f"{value:,.0f}" if value == round(value) else f"{value:g}"


def seconds(value: float | None) -> str:
    """Seconds below two minutes, then minutes, then hours."""
    if value is None:
        return "–"
    if value < 10:
        return f"{value:.1f} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 7200 else f"{value / 3600:.1f} h"


def rank(entry: Entry) -> str:
    """`1`, `2=` for a shared rank, `(3)` where one seed allows no test, a dash for no rank."""
    if entry.rank is None:
        return "–"
    text = f"{entry.rank}{'=' if entry.tied else ''}"
    return text if entry.tested else f"({text})"


def trials(entry: Entry) -> str:
    """How many trials ended well, of how many."""
    return f"{len(entry.replicates)}/{entry.num_trials}"


def value(line: Entry | Reference) -> str:
    if isinstance(line, Reference):
        return number(line.value)
    return "–" if line.summary is None else with_interval(line.summary)


def notes(entry: Entry) -> str:
    """What a reader must know about an entry beside its numbers."""
    found = [f"unranked: {entry.unranked}"] if entry.unranked else []
    if entry.above_chance is False:
        found.append("not above chance")
    if entry.stopped:
        found.append(f"{len(entry.stopped)} of {len(entry.replicates)} trials ended early: {entry.stopped[0]}")
    return "; ".join(found)


def difference(found: PairedDifference | None) -> str:
    """A paired difference to the best entry, with its p-value."""
    if found is None:
        return "–"
    decimals = _decimals(found.mean)
    if found.p is None or found.low is None or found.high is None:
        return f"{found.mean:+.{decimals}f} (no test)"
    half = max(found.mean - found.low, found.high - found.mean)
    p = "p<0.001" if found.p < 0.001 else f"p={found.p:.3f}" if found.p < 0.1 else f"p={found.p:.2f}"
    return f"{found.mean:+.{decimals}f} ±{half:.{decimals}f} ({p})"


def conditions(items: tuple[Condition, ...]) -> str:
    return ", ".join(f"{item.name} {item.value}" for item in items)


def heading(board: Board) -> str:
    """The metric of a board with its unit and direction."""
    if not board.metric:
        return "no result"
    unit = f" ({board.unit})" if board.unit and board.unit != "fraction" else ""
    return f"{board.metric}{unit}, {_direction(board.higher_is_better)}"


def _direction(higher_is_better: bool | None) -> str:
    return "higher is better" if higher_is_better else "lower is better"


def printed(group: PublishedGroup) -> str:
    """What stands beside which metrics: papers' own name of it, with unit and direction."""
    unit = f" ({group.unit})" if group.unit else ""
    direction = "" if group.higher_is_better is None else f", {_direction(group.higher_is_better)}"
    return f"Beside {', '.join(group.metrics)}: {group.quantity}{unit}{direction}."


def printed_value(result: PublishedResult) -> str:
    """A published value, with as many digits as it has, and how sure it is where nobody has checked it."""
    checked = "" if result.confidence == "verified" else f" ({result.confidence})"
    return f"{result.value:.12g}{checked}"


def explanation(board: Board) -> str:
    """How to read the ranks of a board."""
    ranked = [entry for entry in board.entries if entry.rank is not None]
    if not ranked:
        return "Nothing is ranked here."
    if not any(entry.tested for entry in ranked):
        return "One seed: no interval and no test; the order is that of the values."
    untested = " A rank in brackets rests on one seed." if not all(entry.tested for entry in ranked) else ""
    test = "entries of one rank (=) cannot be told apart (paired t-test, p > 0.05)."
    return f"± is the 95% interval over seeds; {test}{untested}"


def failures(board: Board) -> list[str]:
    """A line for each way in which trials of an entry failed, with the seeds that did."""
    seeds: dict[tuple[str, str, str], list[int]] = {}
    for entry in board.entries:
        for failure in entry.failures:
            seeds.setdefault((failure.status, entry.label, failure.reason), []).append(failure.seed)
    return [
        f"{status}: {label} {'seed' if len(found) == 1 else 'seeds'} {', '.join(map(str, found))}: {reason}"
        for (status, label, reason), found in seeds.items()
    ]


def processor(machine: MachineFacts) -> str:
    """A machine's CPU, how many of them, and how many a trial used."""
    parts = [machine.cpu or "unknown CPU"]
    if machine.cpu_count is not None:
        parts.append(f"{machine.cpu_count} CPUs")
    if machine.threads is not None:
        parts.append("1 thread a trial" if machine.threads == 1 else f"{machine.threads} threads a trial")
    return ", ".join(parts)
