"""Many checks at once: cases dealt out to processes, one row for each kernel and dtype as its last size ends."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness.kernels.running.cases import Case, Mode
from harness.kernels.running.processes import Event, at_once, how_it_ended, run_cases
from harness.kernels.running.rows import check_row
from harness.registry import Registry
from harness.rows import Row

Key = tuple[str, str, str]


def run_checks(cases: Sequence[Case], registry: Registry, plugins: Sequence[Path], jobs: int) -> Iterator[Row]:
    """Check cases in `jobs` processes at a time and yield rows as they come."""
    groups: dict[Key, list[Case]] = defaultdict(list)
    for case in cases:
        groups[(case.op, case.kernel, case.dtype)].append(case)
    for group in groups.values():
        if group[0].unsupported:
            yield check_row(group, [_unsupported(case) for case in group], registry, 1)
    waiting: dict[Mode, list[list[Case]]] = defaultdict(list)
    for group in groups.values():
        if not group[0].unsupported:
            waiting[group[0].mode].append(group)
    orders = []
    for mode, of_mode in waiting.items():
        for part in range(min(jobs, len(of_mode))):
            chain = list(itertools.chain.from_iterable(of_mode[part::jobs]))
            orders.append(partial(run_cases, "check", chain, mode, plugins, 1))
    results: dict[Key, list[Mapping[str, Any]]] = defaultdict(list)
    for event in at_once(orders, jobs):
        if event.event != "started":
            case = event.case
            key = (case.op, case.kernel, case.dtype)
            results[key].append(event.content["result"] if event.event == "checked" else _died(event))
            if len(results[key]) == len(groups[key]):
                yield check_row(groups[key], results[key], registry, 1)


def _unsupported(case: Case) -> dict[str, Any]:
    return _without_result(case, "unsupported", case.unsupported, "")


def _died(event: Event) -> dict[str, Any]:
    reason = f"the process of the check ended with {how_it_ended(event)}"
    return _without_result(event.case, "crashed", reason, event.content["log"])


def _without_result(case: Case, status: str, reason: str, log: str) -> dict[str, Any]:
    return {
        "size": case.size, "status": status, "reason": reason, "log": log, "passed": (), "value_error": None,
        "gradient_error": None,
    }  # fmt: skip
