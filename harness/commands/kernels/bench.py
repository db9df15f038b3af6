"""`harness kernels bench`: kernels timed against each other, each after its check."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.kernels.options import chosen_kernels
from harness.commands.options import results_option


@click.command("bench")
@chosen_kernels
@click.option(
    "--seconds", type=float, default=2.0, show_default=True, help="About how long a kernel and pass may take."
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads of torch.")
@results_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a row, instead of tables.")
def command(
    chosen: tuple[str, ...],
    plugins: tuple[Path, ...],
    seconds: float,
    threads: int,
    results: Path,
    as_json: bool,
) -> int:
    """Time kernels against each other and against the hardware's floor; nothing else should run meanwhile.

    \b
    harness kernels bench op=selective_scan
    harness kernels bench device=cuda kernel=triton,cuda

    A kernel is first held to its definition and has no time if it fails. Kernels of one op take turns, so that ratios
    hold on a busy machine too. The exit code is 1 when a kernel failed.
    """
    import json

    from rich.console import Console

    from harness.errors import UsageError
    from harness.kernels.running.benchmarks import run_benchmarks
    from harness.kernels.running.cases import benchmark_cases, select_kernels
    from harness.kernels.running.rows import run_id_of
    from harness.registry import load_registry
    from harness.reports.kernels import print_benchmarks
    from harness.store import Store

    registry = load_registry(plugins)
    selection = select_kernels(chosen, registry)
    groups = benchmark_cases(selection, registry)
    if not groups:
        raise UsageError(f"no benchmark is left on {selection.device}; choose other ops or dtypes")
    store = Store(results)
    store.prepare()
    console = Console()
    rows = []
    for measured in run_benchmarks(groups, registry, plugins, threads, seconds):
        for row in measured:
            store.write_row(row)
            if as_json:
                names = ("task", "kernel", "precision", "task_options", "status", "reason", "metrics", "details")
                click.echo(json.dumps({name: row[name] for name in names}))
        if not as_json:
            print_benchmarks(measured, console)
        rows += measured
    run_id = run_id_of(rows, "bench")
    store.write_run(run_id, {"run_id": run_id, "trial_ids": [row["trial_id"] for row in rows], "skipped": []})
    store.export()
    return 1 if any(row["status"] not in ("ok", "unsupported") for row in rows) else 0
