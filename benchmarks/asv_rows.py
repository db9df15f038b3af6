"""What asv measured of our own speed as rows of a results folder, beside those of models and kernels.

    python benchmarks/asv_rows.py --results results/local
    harness leaderboard

A benchmark stands as the task with its parameters as options, a commit as the model. One measurement always gives the
same row, so it may be run again after each `asv run`.
"""

from __future__ import annotations

import argparse
import ast
import itertools
import json
import math
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from asv.results import Results, iter_results

from harness.canonical import canonical_json, digest
from harness.errors import HarnessError, StoreError
from harness.rows import Row
from harness.store import Store

SUITE, SCALE = "history", "asv"
UNITS = {"seconds": "s", "bytes": "B"}
SHORT = 10


def rows_of(folder: Path) -> list[Row]:
    """The rows of an asv results folder. Raises StoreError where it has none."""
    catalogue = folder / "benchmarks.json"
    if not catalogue.is_file():
        raise StoreError(f"{folder} has no benchmarks.json, so it holds no results of asv; start with `asv run`")
    benchmarks = json.loads(catalogue.read_text(encoding="utf-8"))
    rows = [
        row
        for results in iter_results(str(folder))
        for name in sorted(results.get_all_result_keys())
        if name in benchmarks
        for row in _rows(results, name, benchmarks[name])
    ]
    if not rows:
        raise StoreError(f"{folder} holds no result of a benchmark that there still is; start with `asv run`")
    return rows


def _rows(results: Results, name: str, benchmark: Mapping[str, Any]) -> Iterator[Row]:
    """A row for each combination of a benchmark's parameters."""
    params = results.get_result_params(name)
    values = results.get_result_value(name, params)
    spreads = results.get_result_stats(name, params)
    for point, value, spread in zip(itertools.product(*params), values, spreads, strict=True):
        options = dict(zip(benchmark["param_names"], map(_literal, point), strict=True))
        yield _row(results, name, benchmark, options, value, spread or {})


def _row(
    results: Results,
    name: str,
    benchmark: Mapping[str, Any],
    options: Mapping[str, Any],
    value: float | None,
    spread: Mapping[str, float],
) -> Row:
    version, metric = results.benchmark_version[name], benchmark["unit"]
    identity = {
        "suite": SUITE,
        "scale": SCALE,
        "task": name,
        "model": results.commit_hash[:SHORT],
        "kernel": "auto",
        "kernels": {},
        "seed": 0,
        "task_options": canonical_json(dict(options)),
        "model_options": "{}",
        "training": "{}",
        "num_candidates": 1,
        "device": "cpu",
        "precision": "float32",
        "sources": {"benchmark": version},
    }
    machine = results.params
    status, reason = _status(value)
    outdated = (
        "" if version == benchmark["version"] else "the benchmark has changed since; run asv on this commit again"
    )
    started = datetime.fromtimestamp((results.started_at.get(name) or 0) / 1000, UTC)
    return {
        **identity,
        "trial_id": digest({**identity, "commit": results.commit_hash, "machine": machine, "env": results.env_name})[
            :20
        ],
        "status": status,
        "reason": reason,
        "traceback": "",
        "ranked": status == "ok" and not outdated,
        "unranked_reason": outdated if status == "ok" else f"{status}: {reason}",
        "metric": metric,
        "value": value if status == "ok" else None,
        "higher_is_better": False,
        "metrics": [] if value is None or status != "ok" else _metrics(metric, value, spread),
        "references": {},
        "hardware": machine.get("cpu"),
        "cpu": machine.get("cpu"),
        "cpu_count": _count(machine.get("num_cpu")),
        "ram_bytes": _count(machine.get("ram")),
        "os": machine.get("os"),
        "machine_extra": {"machine": str(machine.get("machine")), "arch": str(machine.get("arch"))},
        "details": {"environment": results.env_name},
        "versions": {"python": str(machine.get("python", ""))},
        "git_commit": results.commit_hash,
        "git_dirty": None if results.env_name.startswith("existing") else False,
        "started_at": started,
        "ended_at": started + timedelta(seconds=results.duration.get(name) or 0),
    }


def _status(value: float | None) -> tuple[str, str]:
    """asv writes null where a benchmark failed and NaN where it was skipped."""
    if value is None:
        return "error", "asv has no value: the benchmark raised or ran out of time; `asv run --show-stderr` tells"
    if math.isnan(value):
        return "unsupported", "asv skipped it: this commit lacks what the benchmark needs"
    return "ok", ""


def _metrics(metric: str, value: float, spread: Mapping[str, float]) -> list[dict[str, Any]]:
    """The median and, of a time, its 99% interval and quartiles; n is the number of samples."""
    found = {
        metric: value,
        f"{metric}_low": spread.get("ci_99_a"),
        f"{metric}_q25": spread.get("q_25"),
        f"{metric}_q75": spread.get("q_75"),
        f"{metric}_high": spread.get("ci_99_b"),
    }
    n = int(spread.get("repeat") or 1)
    return [
        {"name": name, "value": number, "unit": UNITS.get(metric, metric), "higher_is_better": False, "n": n}
        for name, number in found.items()
        if number is not None and math.isfinite(number)
    ]


def _literal(text: str) -> Any:
    """A parameter from its `repr`; what is no literal stays as it is written."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _count(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--asv", type=Path, default=Path(".asv/results"), help="where asv keeps its results")
    parser.add_argument("--results", type=Path, default=Path("results/local"), help="the results folder to write to")
    arguments = parser.parse_args()
    try:
        rows = rows_of(arguments.asv)
        run_id = f"{SUITE}-{SCALE}-{digest(sorted(row['trial_id'] for row in rows))[:8]}"
        store = Store(arguments.results)
        store.prepare()
        for row in rows:
            store.write_row(row | {"run_id": run_id})
        store.write_run(run_id, {"run_id": run_id, "trial_ids": [row["trial_id"] for row in rows], "skipped": []})
        store.export()
    except HarnessError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{len(rows)} rows of {len({row['git_commit'] for row in rows})} commits in {arguments.results}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
