"""Costs on logarithmic axes in a box of 100 by 100, and memory in bars, for SVG and HTML."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.reports import formatting, scaling_text
from harness.reports.plots import NUM_COLOURS, NUM_DASHES, Strokes
from harness.reports.scaling import Place, ScalingQuantity, ScalingTable

SLOPES = (1, 2)
LEAST_SPAN = math.log(4.0)
"""An axis spans a factor of four at least, so that noise does not look like growth."""
MOST_TICKS = 7
KIND_NAMES = ("parameters", "gradients", "optimiser", "activations", "workspace")


@dataclass(frozen=True, slots=True)
class Mark:
    """A measured point; hollow where overhead is much of it."""

    x: float
    y: float
    hollow: bool
    title: str


@dataclass(frozen=True, slots=True)
class CostLine:
    """An entry as an SVG polyline, its band, which may be empty, and its points. Colour and dashes are numbers."""

    label: str
    points: str
    band: str
    marks: tuple[Mark, ...]
    colour: int
    dashes: int


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on an axis, in percent from the left or the top, with what stands there."""

    place: float
    text: str


@dataclass(frozen=True, slots=True)
class CostPlot:
    """One quantity of all entries. `guides` are lines of the slopes in `SLOPES`, `floor` an empty model's call."""

    title: str
    along: str
    lines: tuple[CostLine, ...]
    guides: tuple[str, ...]
    floor: str
    across: tuple[Tick, ...]
    upward: tuple[Tick, ...]

    @property
    def hollow(self) -> bool:
        return any(mark.hollow for line in self.lines for mark in line.marks)


@dataclass(frozen=True, slots=True)
class Part:
    """A kind of memory in a bar, as percentages of the axis."""

    kind: int
    left: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class Bar:
    """What lies in memory at one point; `total` is empty where nothing was measured."""

    at: str
    total: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """One entry; its longest bar fills the axis."""

    label: str
    bars: tuple[Bar, ...]


def cost_plots(table: ScalingTable, strokes: Strokes) -> tuple[CostPlot, ...]:
    """A plot of each quantity."""
    floors = [table.floor if quantity.kind == "seconds" else () for quantity in table.quantities]
    return tuple(
        _plot(table, quantity, floor, strokes) for quantity, floor in zip(table.quantities, floors, strict=True)
    )


def memory_bars(table: ScalingTable) -> tuple[Bars, ...]:
    """Bars of each entry, one a point."""
    return tuple(
        Bars(stack.label, tuple(_bar(at, kinds, max(map(sum, stack.points))) for at, kinds in found))
        for stack in table.stacks
        for found in [list(zip(table.points, stack.points, strict=True))]
    )


def _plot(table: ScalingTable, quantity: ScalingQuantity, floor: Sequence[float | None], strokes: Strokes) -> CostPlot:
    xs = table.points
    left, right = math.log(xs[0]), math.log(xs[-1])
    low, high = _ends(quantity, floor)

    def across(x: float) -> float:
        return 50.0 if right == left else round(100 * (math.log(x) - left) / (right - left), 2)

    def upward(value: float) -> float:
        inside = min(high, max(low, math.log(value))) if value > 0 else low
        return round(100 * (high - inside) / (high - low), 2)

    lines = []
    for row in quantity.rows:
        number = strokes[row.label]
        reached = [place for place in row.places if place.summary is not None and place.summary.mean > 0]
        if reached:
            lines.append(
                CostLine(
                    label=row.label,
                    points=" ".join(f"{across(it.at)},{upward(it.summary.mean)}" for it in reached if it.summary),
                    band=_band(reached, across, upward),
                    marks=tuple(
                        Mark(
                            across(it.at),
                            upward(it.summary.mean),
                            it.hollow,
                            f"{row.label}, {table.along} {formatting.point(it.at)}: "
                            f"{scaling_text.cell(it, quantity.kind)}",
                        )
                        for it in reached
                        if it.summary
                    ),
                    colour=number % NUM_COLOURS,
                    dashes=(number + number // NUM_COLOURS) % NUM_DASHES,
                )
            )
    measured_floor = [(x, value) for x, value in zip(xs, floor, strict=False) if value]
    return CostPlot(
        title=quantity.name,
        along=table.along,
        lines=tuple(lines),
        guides=tuple(_guide(slope, right - left, high - low) for slope in SLOPES) if right > left else (),
        floor=" ".join(f"{across(x)},{upward(value)}" for x, value in measured_floor),
        across=tuple(Tick(across(x), formatting.point(x)) for x in xs[:: -(-len(xs) // MOST_TICKS)]),
        upward=tuple(Tick(upward(value), text) for value, text in _ticks(low, high, quantity.kind)),
    )


def _ends(quantity: ScalingQuantity, floor: Sequence[float | None]) -> tuple[float, float]:
    """The logarithms that the axis spans: all means and the floor, with room on both sides."""
    means = [place.summary.mean for row in quantity.rows for place in row.places if place.summary is not None]
    logs = [math.log(value) for value in [*means, *floor] if value]
    low, high = min(logs), max(logs)
    room = max(0.06 * (high - low), (LEAST_SPAN - (high - low)) / 2)
    return low - room, high + room


def _band(reached: Sequence[Place], across: Callable[[float], float], upward: Callable[[float], float]) -> str:
    ends = [
        (across(it.at), it.summary.low, it.summary.high)
        for it in reached
        if it.summary is not None and it.summary.low is not None and it.summary.high is not None
    ]
    if len(ends) < 2:
        return ""
    around = [(x, high) for x, _, high in ends] + [(x, low) for x, low, _ in ends[::-1]]
    return " ".join(f"{x},{upward(value)}" for x, value in around)


def _guide(slope: int, width: float, height: float) -> str:
    """From the lower left corner, until it leaves the box at the right or at the top."""
    run = min(1.0, height / (slope * width))
    return f"0,100 {100 * run:.2f},{100 * (1 - slope * width * run / height):.2f}"


def _ticks(low: float, high: float, kind: str) -> list[tuple[float, str]]:
    """Round values on the axis: of 1, 2 and 5 in seconds, of powers of two in bytes, as fine as there is room."""
    if kind == "seconds":
        powers = range(math.floor(low / math.log(10)), math.ceil(high / math.log(10)) + 1)
        choices = [[10.0**power * digit for power in powers for digit in digits] for digits in ((1, 2, 5), (1,))]
    else:
        powers = range(math.floor(low / math.log(2)), math.ceil(high / math.log(2)) + 1)
        choices = [[2.0**power for power in powers if power % step == 0] for step in (1, 2, 4, 8, 16)]
    inside = [[value for value in values if low <= math.log(value) <= high] for values in choices]
    chosen = next((values for values in inside if len(values) <= MOST_TICKS), inside[-1])
    return [(value, scaling_text.quantity_label(value, kind)) for value in chosen]


def _bar(at: float, kinds: Sequence[float], longest: float) -> Bar:
    parts, left = [], 0.0
    for number, value in enumerate(kinds):
        width = 100 * value / longest if longest else 0.0
        if value > 0:
            title = f"{KIND_NAMES[number]} {formatting.size(round(value))}"
            parts.append(Part(number, round(left, 2), round(width, 2), title))
        left += width
    return Bar(formatting.point(at), formatting.size(round(sum(kinds))) if kinds else "", tuple(parts))
