"""`harness kernels check`: every property of every kernel, in numbers."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.kernels.options import chosen_kernels, jobs_option
from harness.commands.options import results_option


@click.command("check")
@chosen_kernels
@click.option("--emulate", is_flag=True, help="Run GPU kernels on the CPU: Triton's interpreter, the CUDA simulator.")
@click.option("--sanitize", is_flag=True, help="Only CUDA kernels, simulated, with bounds of memory watched.")
@click.option("--quick", is_flag=True, help="Only at the sizes that every trial is held to.")
@jobs_option
@results_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a kernel and dtype, instead of text.")
def command(
    chosen: tuple[str, ...],
    plugins: tuple[Path, ...],
    emulate: bool,
    sanitize: bool,
    quick: bool,
    jobs: int | None,
    results: Path,
    as_json: bool,
) -> int:
    """Hold kernels to their definitions: values, gradients, memory, order of threads, torch's own rules.

    \b
    harness kernels check                                    # what can run on this machine
    harness kernels check --emulate                          # and what needs a GPU, on the CPU
    harness kernels check op=attention kernel=cuda dtype=float16 --emulate

    The exit code is 1 when a kernel fails; what cannot run here is listed with the reason and fails nothing.
    """
    import json

    from harness.errors import UsageError
    from harness.kernels.running.cases import check_cases, select_kernels
    from harness.kernels.running.checks import run_checks
    from harness.kernels.running.rows import run_id_of
    from harness.machine import available_cpus
    from harness.registry import load_registry
    from harness.store import Store

    registry = load_registry(plugins)
    selection = select_kernels(chosen, registry)
    cases = check_cases(selection, registry, emulate=emulate, sanitize=sanitize, quick=quick)
    if not cases:
        raise UsageError("no kernel is left to check; choose other ones (`harness kernels list`)")
    store = Store(results)
    store.prepare()
    rows = []
    for row in run_checks(cases, registry, plugins, jobs or available_cpus()):
        rows.append(row)
        store.write_row(row)
        if as_json:
            shown = {name: row[name] for name in ("task", "kernel", "precision", "status", "reason", "traceback")}
            click.echo(json.dumps(shown | {"details": row["details"], "metrics": row["metrics"]}))
        else:
            _show(row)
    run_id = run_id_of(rows, "check")
    store.write_run(run_id, {"run_id": run_id, "trial_ids": [row["trial_id"] for row in rows], "skipped": []})
    failed = [row for row in rows if row["status"] not in ("ok", "unsupported")]
    unsupported = [row for row in rows if row["status"] == "unsupported"]
    checks = sum(int(_metric(row, "checks") or 0) for row in rows)
    if not as_json:
        kernels = {(row["task"], row["kernel"]) for row in rows}
        click.echo(
            f"{checks} checks of {len(kernels)} kernels of {len({op for op, _ in kernels})} ops in {len(rows)} "
            f"combinations of op, kernel and dtype: {len(rows) - len(failed) - len(unsupported)} ok, "
            f"{len(failed)} failed, {len(unsupported)} unsupported here"
        )
    return 1 if failed else 0


def _metric(row: dict[str, object], name: str) -> float | None:
    metrics = row["metrics"]
    assert isinstance(metrics, list)
    return next((metric["value"] for metric in metrics if metric["name"] == name), None)


def _show(row: dict[str, object]) -> None:
    details = row["details"]
    assert isinstance(details, dict)
    mode = "" if details["mode"] == "native" else f", {details['mode']}"
    name = f"{row['task']}.{row['kernel']}"
    if row["status"] == "ok":
        value, gradient = _metric(row, "relative_error"), _metric(row, "gradient_relative_error")
        errors = f"values {value:.1e}" + (f", gradients {gradient:.1e}" if gradient is not None else "")
        click.echo(f"ok  {name} {row['precision']}: {_metric(row, 'checks'):.0f} checks, off by at most {errors}{mode}")
    elif row["status"] == "unsupported":
        click.secho(f"--  {name} {row['precision']}: {row['reason']}", dim=True)
    else:
        click.secho(f"{row['status']}  {name} {row['precision']}: {row['reason']}{mode}", fg="red")
        if row["traceback"]:
            click.echo(row["traceback"])
