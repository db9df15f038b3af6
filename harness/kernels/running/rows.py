"""Rows of kernels, in the same store as those of models: the op stands as the task, the kernel as the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import psutil
import torch

from harness.canonical import canonical_json, digest
from harness.devices import describe_device
from harness.kernels.running.cases import Case
from harness.machine import machine_columns
from harness.planning.sources import source_of, sources_of_core
from harness.registry import Registry
from harness.rows import Row

SUITE = "kernels"
GRAVEST = ("failed_check", "crashed", "error", "out_of_memory", "unsupported", "ok")
"""Statuses in the order in which one stands for several."""


def check_row(cases: Sequence[Case], results: Sequence[Mapping[str, Any]], registry: Registry, threads: int) -> Row:
    """One row for all sizes of a kernel in a dtype: the gravest status, the largest errors, the number of checks."""
    case = cases[0]
    status = next(status for status in GRAVEST if any(result["status"] == status for result in results))
    worst = next(result for result in results if result["status"] == status)
    errors = {
        name: max((result[name] for result in results if result[name] is not None), default=None)
        for name in ("value_error", "gradient_error")
    }
    count = sum(len(result["passed"]) for result in results)
    size = "" if status in ("ok", "unsupported") else f"at {dict(worst['size'])}: "
    measurements = [
        _measurement("relative_error", errors["value_error"], "", False, len(cases)),
        _measurement("gradient_relative_error", errors["gradient_error"], "", False, len(cases)),
        _measurement("checks", float(count), "", True, len(cases)),
    ]
    return _row(
        case, "check", {"sizes": len(cases)}, registry, threads, status, size + worst["reason"], worst["log"],
        measurements, {"mode": str(case.mode)},
    )  # fmt: skip


def benchmark_row(case: Case, result: Mapping[str, Any], registry: Registry, threads: int) -> Row:
    """One row for one pass of a kernel at one size; seconds are those of a call."""
    measured = [
        _measurement("seconds", result["p50"], "s", False, result["n"]),
        _measurement("seconds_p10", result["p10"], "s", False, result["n"]),
        _measurement("seconds_p90", result["p90"], "s", False, result["n"]),
    ]
    for name, key, unit, higher in (
        ("speed_ratio", "ratio", "x", True),
        ("speed_ratio_low", "low", "x", True),
        ("speed_ratio_high", "high", "x", True),
        ("floor_seconds", "floor", "s", False),
        ("times_floor", "times_floor", "x", False),
        ("bytes_per_second", "bytes_per_second", "B/s", True),
        ("flops_per_second", "flops_per_second", "1/s", True),
        ("graph_seconds", "graph_p50", "s", False),
    ):
        if result.get(key) is not None:
            measured.append(_measurement(name, result[key], unit, higher, result["n"]))
    details = {name: str(result[name]) for name in ("baseline", "verdict", "floor_term") if name in result}
    row = _row(
        case, "bench", {**case.size, "pass": result["pass"]}, registry, threads, "ok", "", "", measured,
        {"mode": str(case.mode), **details},
    )  # fmt: skip
    if "peak_memory_bytes" in result:
        row |= {"peak_memory_bytes": result["peak_memory_bytes"], "peak_memory_kind": "cuda_allocated_beyond_inputs"}
    return row


def failed_benchmark_row(case: Case, status: str, reason: str, log: str, registry: Registry, threads: int) -> Row:
    """The row of a kernel that was not timed, and why."""
    options = {**case.size, "pass": "forward"}
    return _row(case, "bench", options, registry, threads, status, reason, log, [], {"mode": str(case.mode)})


def run_id_of(rows: Iterable[Row], scale: str) -> str:
    """The same for the same rows asked for, so that a run made again is the same run."""
    return f"{SUITE}-{scale}-{digest(sorted(row['trial_id'] for row in rows))[:8]}"


def _row(
    case: Case,
    scale: str,
    options: Mapping[str, Any],
    registry: Registry,
    threads: int,
    status: str,
    reason: str,
    log: str,
    measurements: list[dict[str, Any]],
    details: Mapping[str, str],
) -> Row:
    op, kernel = registry.ops[case.op], registry.kernel(case.op, case.kernel)
    plugins = {registered.plugin.name: registered.plugin for registered in (op, kernel)}
    identity = {
        "suite": SUITE,
        "scale": scale,
        "task": case.op,
        "model": case.kernel,
        "kernel": case.kernel,
        "kernels": {case.op: case.kernel},
        "seed": 0,
        "task_options": canonical_json(dict(options)),
        "model_options": "{}",
        "training": "{}",
        "num_candidates": 1,
        "device": case.device,
        "precision": case.dtype,
        "sources": {name: source_of(plugin) for name, plugin in plugins.items()} | sources_of_core(),
    }
    headline = measurements[0] if measurements else {"name": None, "value": None, "higher_is_better": None}
    now = datetime.now(UTC)
    ok = status == "ok"
    return {
        **identity,
        **machine_columns(),
        **_device_columns(case.device),
        "trial_id": digest({**identity, "mode": str(case.mode)})[:20],
        "status": status,
        "reason": reason,
        "traceback": log,
        "ranked": ok and scale == "bench",
        "unranked_reason": "" if ok and scale == "bench" else reason or "checks are not ranked",
        "metric": headline["name"],
        "value": headline["value"],
        "higher_is_better": headline["higher_is_better"],
        "metrics": measurements,
        "references": {},
        "threads": threads,
        "details": dict(details),
        "machine_extra": {},
        "load_average": psutil.getloadavg()[0],
        "started_at": now,
        "ended_at": now,
    }


def _measurement(name: str, value: float | None, unit: str, higher_is_better: bool, n: int) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "higher_is_better": higher_is_better, "n": n}


@lru_cache(maxsize=2)
def _device_columns(device: str) -> dict[str, Any]:
    return describe_device(torch.device(device))
