"""Scaling tables in words and cells, the same in every form of report."""

from __future__ import annotations

import math
from itertools import pairwise

from harness.reports import formatting
from harness.reports.crossings import Crossing
from harness.reports.scaling import CARRIED, MEMORY, TIME, Place, ScalingQuantity, ScalingRow, ScalingTable
from harness.scaling import LocalSlope, Standing

NOTHING = "–"
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
CANNOT_TELL = "cannot tell"
SHORT = {TIME: "time", MEMORY: "memory", CARRIED: "state"}


def duration(seconds: float) -> str:
    """`4.13 ms`: three digits."""
    scale, unit = _unit(seconds)
    return f"{_digits(seconds / scale)} {unit}"


def quantity_value(value: float, kind: str) -> str:
    return duration(value) if kind == "seconds" else formatting.size(round(value))


def quantity_label(value: float, kind: str) -> str:
    """A round value as an axis has it: `5 ms`, `16 MiB`."""
    if kind != "seconds":
        return formatting.size(round(value))
    scale, unit = _unit(value)
    return f"{value / scale:g} {unit}"


def cell(place: Place, kind: str) -> str:
    """`4.13 ms ±2.1%`; sizes that do not differ have no interval to speak of."""
    if place.summary is None:
        return NOTHING
    text = quantity_value(place.summary.mean, kind)
    half = place.summary.half_width
    return text if not half else f"{text} ±{_percent(half / abs(place.summary.mean))}"


def slope(found: LocalSlope | None) -> str:
    """`1.07 ±0.03`; a dash where no slope is reported."""
    if found is None or found.slope is None:
        return NOTHING
    return _with_ends(found.slope, found.low, found.high)


def exponent(row: ScalingRow) -> str:
    """The exponent of the fitted law; a star where no law holds and the last local slope stands for it."""
    if row.law is not None and row.law.exponent is not None:
        return _with_ends(row.law.exponent, row.law.low, row.law.high)
    last = _last(row)
    return NOTHING if last is None else f"{slope(last)}*"


def expected(row: ScalingRow) -> str:
    """The exponent that theory has in the limit."""
    return "not declared" if row.limit is None else f"{row.limit:g}"


def fitted(row: ScalingRow) -> str:
    """How well the law explains the points."""
    return NOTHING if row.law is None or row.law.r_squared is None else f"{row.law.r_squared:.4f}"


def counted(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def intervals(table: ScalingTable) -> tuple[str, ...]:
    """The stretches between neighbouring points."""
    return tuple(f"{formatting.point(start)}–{formatting.point(end)}" for start, end in pairwise(table.points))


def headings(table: ScalingTable) -> tuple[str, ...]:
    """The columns of the compact table, of which the first holds words; lines are broken where a terminal may."""
    ends = dict.fromkeys((table.points[0], table.points[-1])) if table.points else {}
    columns = [f"{table.along}\n{formatting.point(at)}" for at in ends]
    return ("model", *columns, *(f"{name_of(it)} ~\n{table.along}^\n(limit)" for it in table.quantities))


def compact(table: ScalingTable) -> list[tuple[str, ...]]:
    """A row for each entry: time at the ends, and the exponent of each quantity with the expected one."""
    labels = [row.label for row in table.quantities[0].rows] if table.quantities else []
    rows = []
    for number, label in enumerate(labels):
        mine = [(it, it.rows[number]) for it in table.quantities]
        first, row = mine[0]
        ends = dict.fromkeys((0, len(row.places) - 1))
        exponents = [f"{exponent(found)} ({NOTHING if found.limit is None else expected(found)})" for _, found in mine]
        rows.append((label, *(cell(row.places[place], first.kind) for place in ends), *exponents))
    return rows


def fastest(table: ScalingTable) -> str:
    """The fastest at each point in a line, with those that cannot be told from it."""
    if not table.quantities or not table.quantities[0].standings:
        return ""
    standings = table.quantities[0].standings
    return "fastest: " + "; ".join(f"{formatting.point(it.x)} {' = '.join(it.level)}" for it in standings)


def choice_headings(table: ScalingTable) -> tuple[str, ...]:
    """The columns of the choices."""
    return (table.along, "fastest", "cannot be told from it", "times as slow", "least memory")


def choices(table: ScalingTable) -> list[tuple[str, ...]]:
    """A row for each point: who is the fastest there and who needs the least memory."""
    standings = {it.name: {found.x: found for found in it.standings} for it in table.quantities}
    rows: list[tuple[str, ...]] = []
    for x, time in standings.get(TIME, {}).items():
        memory = standings.get(MEMORY, {}).get(x)
        level = ", ".join(time.level[1:]) or NOTHING
        least = NOTHING if memory is None else f"{' = '.join(memory.level)}, {formatting.size(round(memory.cost))}"
        rows.append((formatting.point(x), f"{time.best}, {duration(time.cost)}", level, _slower(time), least))
    return rows


def _slower(standing: Standing) -> str:
    """How many times as much those cost that can be told from the cheapest."""
    rest = [name for name in standing.ratios if name not in standing.level]
    return ", ".join(f"{name} {_digits(standing.ratios[name].ratio)}×" for name in rest) or NOTHING


def crossings(table: ScalingTable) -> list[str]:
    """Where models cross in time, in words; at the end those of which it cannot be told."""
    lines = [_crossing(it, table.along) for it in table.crossings if it.found.verdict != CANNOT_TELL]
    close = [f"{it.first} and {it.second}" for it in table.crossings if it.found.verdict == CANNOT_TELL]
    return lines + ([f"Too close to tell whether and where they cross: {'; '.join(close)}."] if close else [])


def _crossing(crossing: Crossing, along: str) -> str:
    over = crossing.found
    if over.x is None or over.low is None or over.high is None:
        return f"{crossing.first} and {crossing.second} cross more than once: see their slopes."
    first, second = crossing.first, crossing.second
    ahead, behind = (first, second) if over.cheaper == 0 else (second, first)
    at = f"{_digits(over.x)} ({_digits(over.low)} to {_digits(over.high)})"
    return f"{ahead} is faster up to {along} {at}, {behind} beyond."


def explanation(table: ScalingTable) -> str:
    """How to read the table."""
    parts = [
        f"Values are means over seeds with 95% intervals. Exponents are s of a + b {table.along}^s; a star marks the "
        "slope of the last stretch, where no single power holds. In the limit: what theory expects for ever longer "
        f"{table.along}, logarithms aside."
    ]
    if any(it.kind == "size" for it in table.quantities):
        parts.append("Slopes of memory are of the peak without parameters, gradients and the optimiser's state.")
    return " ".join(parts)


def reasons(table: ScalingTable) -> list[str]:
    """What is not there, and why: points that were not reached, and exponents that are not reported."""
    lines = [line for row in table.quantities[0].rows for line in _unreached(row)] if table.quantities else []
    refused: dict[str, list[str]] = {}
    for it in table.quantities:
        for row in it.rows:
            if row.law is not None and row.law.reason:
                refused.setdefault(row.law.reason, []).append(f"{row.label} ({name_of(it)})")
    return lines + [f"No exponent of {', '.join(found)}: {why}" for why, found in refused.items()]


def refused_slopes(quantity: ScalingQuantity) -> list[str]:
    """Why slopes of stretches are not reported."""
    return [
        f"{row.label}, {formatting.point(found.start)}–{formatting.point(found.end)}: {found.reason}"
        for row in quantity.rows
        for found in row.slopes
        if found is not None and found.reason
    ]


def _unreached(row: ScalingRow) -> list[str]:
    """A line for each reason, with the points that it kept the entry from."""
    missing: dict[str, list[str]] = {}
    for place in row.places:
        if place.missing:
            missing.setdefault(place.missing, []).append(formatting.point(place.at))
    return [f"{row.label} was not measured at {', '.join(points)}: {why}" for why, points in missing.items()]


def name_of(it: ScalingQuantity) -> str:
    """Time, memory or state."""
    return SHORT[it.name]


def _last(row: ScalingRow) -> LocalSlope | None:
    known = [found for found in row.slopes if found is not None]
    return known[-1] if known and known[-1].slope is not None else None


def _with_ends(value: float, low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return f"{_zero(value):.2f}"
    return f"{_zero(value):.2f} ±{max(value - low, high - value):.2f}"


def _zero(value: float) -> float:
    """Without a minus where nothing but zeros would follow it."""
    return 0.0 if abs(value) < 0.005 else value


def _percent(share: float) -> str:
    return "<0.1%" if share < 0.0005 else f"{100 * share:.1f}%" if share < 0.0995 else f"{100 * share:.0f}%"


def _unit(seconds: float) -> tuple[float, str]:
    return next(((scale, unit) for scale, unit in UNITS if seconds >= 0.9995 * scale), UNITS[-1])


def _digits(value: float) -> str:
    """Three digits, and whole numbers from a thousand on."""
    if not math.isfinite(value) or value <= 0:
        return f"{value:g}"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(value)))}f}"
