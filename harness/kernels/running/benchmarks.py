"""Benchmarks carried out in processes of their own, a row for each kernel and pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import KernelError
from harness.kernels.running.cases import Case, Mode
from harness.kernels.running.processes import how_it_ended, run_cases
from harness.kernels.running.rows import benchmark_row, failed_benchmark_row
from harness.registry import Registry
from harness.rows import Row


def run_benchmarks(
    groups: Sequence[Sequence[Case]], registry: Registry, plugins: Sequence[Path], threads: int, seconds: float
) -> Iterator[list[Row]]:
    """Measure each group of kernels and yield its rows; `seconds` is about what a kernel and pass may take.

    Ceilings are measured once for each dtype, on the same device with the same threads.
    """
    ceilings: dict[str, dict[str, float]] = {}
    for group in groups:
        first = group[0]
        if first.dtype not in ceilings:
            ceilings[first.dtype] = _ceilings(first, plugins, threads)
        yield _measured(group, registry, plugins, threads, seconds, ceilings[first.dtype])


def _measured(
    group: Sequence[Case],
    registry: Registry,
    plugins: Sequence[Path],
    threads: int,
    seconds: float,
    ceilings: dict[str, float],
) -> list[Row]:
    rows = [
        failed_benchmark_row(case, "unsupported", case.unsupported, "", registry, threads)
        for case in group
        if case.unsupported
    ]
    usable = [case for case in group if not case.unsupported]
    order: dict[str, Any] = {"seconds": seconds, "ceilings": ceilings}
    for event in run_cases("bench", usable, Mode.NATIVE, plugins, threads, **order):
        case, content = event.case, event.content
        if event.event == "measured":
            rows += [benchmark_row(case, result, registry, threads) for result in content["results"]]
        elif event.event == "failed":
            rows.append(
                failed_benchmark_row(case, content["status"], content["reason"], content["log"], registry, threads)
            )
        elif event.event == "died":
            reason = f"the process of the benchmark ended with {how_it_ended(event)}"
            rows.append(failed_benchmark_row(case, "crashed", reason, content["log"], registry, threads))
    return rows


def _ceilings(case: Case, plugins: Sequence[Path], threads: int) -> dict[str, float]:
    for event in run_cases("ceilings", [replace(case, unsupported="")], Mode.NATIVE, plugins, threads):
        if event.event == "ceilings":
            return dict(event.content["result"])
        if event.event == "died":
            raise KernelError(
                f"the ceilings of {case.device} cannot be measured: the process ended with {how_it_ended(event)}; "
                f"without them a time has no floor to stand beside:\n{event.content['log']}"
            )
    raise KernelError(f"the ceilings of {case.device} cannot be measured: the process said nothing")
