"""Tables of kernel benchmarks: times, ratios to the baseline, floors, and the goals beside what was measured."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from harness.registry import Registry
from harness.specs import Backend, Benchmark, Goal, OpSpec

Row = Mapping[str, Any]
WIDE = 100
HEADINGS = ("kernel", "pass", "p50", "p10 - p90", "speed", "95% interval", "verdict", "x floor")
ONLY_WIDE = ("p10 - p90", "95% interval")
PASSES = {"forward": "forward", "backward": "backward", "forward_backward": "both"}


@dataclass(frozen=True, slots=True)
class GoalLine:
    """A goal with what was measured beside it; None where nothing was."""

    op: str
    size: str
    goal: str
    measured: str | None
    reached: bool | None


def print_benchmarks(rows: Sequence[Row], console: Console) -> None:
    """A table for each op, size and dtype; kernels without a time stand below it with the reason."""
    for (op, size, dtype), found in sorted(_grouped(rows).items()):
        console.print(Text.assemble((op, "bold"), f"  {_size_text(size)}  {dtype}"))
        hardware = next((row["hardware"] for row in found if row["hardware"]), "")
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
        shown = [heading for heading in HEADINGS if console.width >= WIDE or heading not in ONLY_WIDE]
        for heading in shown:
            side: JustifyMethod = "left" if heading in ("kernel", "pass", "verdict") else "right"
            table.add_column(heading, justify=side, no_wrap=True)
        for row in sorted((row for row in found if row["status"] == "ok"), key=_order):
            cells = dict(zip(HEADINGS, _cells(row), strict=True))
            table.add_row(*(cells[heading] for heading in shown))
        console.print(table)
        console.print(Text(f"{hardware}; speed is against {_baseline(found)}", "dim"))
        for row in found:
            if row["status"] != "ok":
                style = "dim" if row["status"] == "unsupported" else "red"
                console.print(Text(f"{row['status']}: {row['kernel']}: {row['reason']}", style))
        console.print()


def goal_lines(rows: Sequence[Row], registry: Registry) -> list[GoalLine]:
    """Every goal of every op's benchmarks, once for each device that it was measured on, or open."""
    lines = []
    found = _grouped([row for row in rows if row["status"] == "ok"])
    for op in registry.ops.specs():
        for benchmark in op.benchmarks:
            key = (op.name, _size_key(benchmark.size), benchmark.dtype)
            of_size = [row for row in found.get(key, []) if row["device"] == benchmark.device]
            for hardware in sorted({row["hardware"] for row in of_size}) or [""]:
                there = [row for row in of_size if row["hardware"] == hardware]
                lines += [_goal_line(op, benchmark, goal, there, hardware, registry) for goal in benchmark.goals]
    return lines


def _goal_line(
    op: OpSpec, benchmark: Benchmark, goal: Goal, rows: Sequence[Row], hardware: str, registry: Registry
) -> GoalLine:
    name = "backward" if goal.backward else "forward"
    parts = [f"{goal.peer_ratio:g}x {goal.peer} or more"] if goal.peer_ratio is not None else []
    parts += [f"{goal.times_floor:g}x the floor or less"] if goal.times_floor is not None else []
    size = f"{_size_text(_size_key(benchmark.size))} {benchmark.dtype} on {benchmark.device}"
    wanted = f"{name}: {', '.join(parts)}"
    times = {row["kernel"]: row for row in rows if _pass(row) == name}
    ours = {kernel for kernel in times if kernel != goal.peer and _is_ours(op, kernel, benchmark.device, registry)}
    own = [times[kernel] for kernel in ours]
    if not own:
        return GoalLine(op.name, size, wanted, None, None)
    best = min(own, key=lambda row: row["value"])
    facts: list[str] = []
    reached: bool | None = True
    if goal.peer_ratio is not None:
        if goal.peer in times:
            ratio = times[goal.peer]["value"] / best["value"]
            facts.append(f"{ratio:.2f}x {goal.peer}")
            reached = reached and ratio >= goal.peer_ratio
        else:
            facts.append(f"{_seconds(best['value'])}, {goal.peer} was not there")
            reached = None
    if goal.times_floor is not None:
        times_floor = metric(best, "times_floor")
        facts.append(f"{times_floor:.2f}x the floor" if times_floor is not None else "no floor is known")
        if times_floor is None:
            reached = None
        elif times_floor > goal.times_floor:
            reached = False
    return GoalLine(op.name, size, wanted, f"{best['kernel']} {', '.join(facts)} ({hardware})", reached)


def _is_ours(op: OpSpec, kernel: str, device: str, registry: Registry) -> bool:
    """Whether a kernel was written here for the device; on a GPU what torch composes does not count."""
    known = registry.kernels_of(op.name)
    ours = (Backend.TRITON, Backend.CUDA) if device == "cuda" else (Backend.NUMBA, Backend.TORCH)
    return kernel != "reference" and kernel in known and known[kernel].spec.backend in ours


def metric(row: Row, name: str) -> float | None:
    """A metric of a row by name."""
    return next((item["value"] for item in row["metrics"] if item["name"] == name), None)


def _grouped(rows: Sequence[Row]) -> dict[tuple[str, str, str], list[Row]]:
    grouped: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for row in rows:
        size = json.loads(row["task_options"])
        size.pop("pass", None)
        grouped[(row["task"], _size_key(size), row["precision"])].append(row)
    return grouped


def _size_key(size: Mapping[str, Any]) -> str:
    return json.dumps(dict(size), sort_keys=True)


def _size_text(key: str) -> str:
    return " ".join(f"{name}={value}" for name, value in json.loads(key).items())


def _pass(row: Row) -> str:
    return str(json.loads(row["task_options"])["pass"])


def _order(row: Row) -> tuple[int, float]:
    return list(PASSES).index(_pass(row)), row["value"]


def _cells(row: Row) -> tuple[str, ...]:
    ratio, floor = metric(row, "speed_ratio"), metric(row, "times_floor")
    low, high = metric(row, "speed_ratio_low"), metric(row, "speed_ratio_high")
    p10, p90 = metric(row, "seconds_p10"), metric(row, "seconds_p90")
    details = dict(row["details"])
    return (
        row["kernel"],
        PASSES[_pass(row)],
        _seconds(row["value"]),
        f"{_seconds(p10)} - {_seconds(p90)}" if p10 is not None and p90 is not None else "",
        f"{ratio:.3g}x" if ratio is not None else "",
        f"{low:.3g} - {high:.3g}" if ratio is not None else "",
        details.get("verdict", ""),
        f"{floor:.2f} {details['floor_term']}" if floor is not None else "",
    )


def _baseline(rows: Sequence[Row]) -> str:
    return next((dict(row["details"])["baseline"] for row in rows if "baseline" in dict(row["details"])), "nothing")


def _seconds(value: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if value >= scale:
            return f"{value / scale:.3g} {unit}"
    return f"{value / 1e-9:.3g} ns"
