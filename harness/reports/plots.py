"""Curves as lines and bands in a box of 100 by 100, for SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from harness.reports.board import Board
from harness.reports.curves import Curve, Panel
from harness.reports.sweeps import Sweep

NUM_COLOURS = 8
NUM_DASHES = 8
Strokes: TypeAlias = Mapping[str, int]
"""For each label the number of its stroke."""


@dataclass(frozen=True, slots=True)
class Line:
    """A curve as an SVG polyline, and its band as a polygon, which may be empty. Colour and dashes are numbers."""

    label: str
    n: int
    points: str
    band: str
    colour: int
    dashes: int


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves of one quantity with the ends of their axes."""

    quantity: str
    lines: tuple[Line, ...]
    lowest: float
    highest: float
    first: float
    last: float
    along: str
    declared: bool


def assign_strokes(boards: Iterable[Board]) -> dict[str, Strokes]:
    """A stroke for every label of a suite, the same on all of its boards."""
    labels: dict[str, set[str]] = {}
    for board in boards:
        labels.setdefault(board.suite, set()).update(entry.label for entry in board.entries)
    return {suite: {label: place for place, label in enumerate(sorted(found))} for suite, found in labels.items()}


def make_plot(panel: Panel, strokes: Strokes) -> Plot | None:
    """Lines and bands of the curves; None without any. The axis spans the means, and the bands as far as they do not
    dwarf these; what is beyond lies at its ends."""
    points = [point for curve in panel.curves for point in curve.points]
    if not points:
        return None
    steps, values = [step for step, _ in points], [value for _, value in points]
    first, last, low, high = min(steps), max(steps), min(values), max(values)
    room = ((high - low) or abs(high) or 1.0) / 2
    ends = [end for curve in panel.curves for pair in curve.band for end in pair]
    lowest, highest = max(min([low, *ends]), low - room), min(max([high, *ends]), high + room)
    width, height = (last - first) or 1.0, (highest - lowest) or 1.0

    def place(step: float, value: float) -> str:
        inside = min(highest, max(lowest, value))
        return f"{100 * (step - first) / width:.2f},{100 * (highest - inside) / height:.2f}"

    lines = []
    for curve in panel.curves:
        number = strokes[curve.label]
        edges = [(step, ends) for (step, _), ends in zip(curve.points, curve.band, strict=False)]
        around = [(step, upper) for step, (_, upper) in edges] + [(step, lower) for step, (lower, _) in edges[::-1]]
        lines.append(
            Line(
                label=curve.label,
                n=curve.n,
                points=" ".join(place(*point) for point in curve.points),
                band=" ".join(place(*point) for point in around),
                colour=number % NUM_COLOURS,
                dashes=(number + number // NUM_COLOURS) % NUM_DASHES,
            )
        )
    return Plot(panel.quantity, tuple(lines), lowest, highest, first, last, panel.along, panel.declared)


def sweep_plot(sweep: Sweep, strokes: Strokes) -> Plot | None:
    """Lines of the headline against the option, whose axis is logarithmic where it can be."""
    scaled = [math.log(value) if sweep.values[0] > 0 else value for value in sweep.values]
    curves = [
        Curve(
            label=row.label,
            n=max((cell.n for cell in row.cells if cell is not None), default=0),
            points=tuple((x, cell.mean) for x, cell in zip(scaled, row.cells, strict=True) if cell is not None),
        )
        for row in sweep.quantities[0].rows
    ]
    return make_plot(Panel(quantity=sweep.quantities[0].name, curves=tuple(curves)), strokes)
