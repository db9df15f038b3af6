"""`harness run`: plan, execute what is not done yet, write rows as they come, show the board."""

from __future__ import annotations

import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.commands.options import selection

if TYPE_CHECKING:
    from harness.commands.progress import Display
    from harness.executors.contract import Event, Executor
    from harness.planning.selection import Selection
    from harness.planning.trials import Plan, Trial
    from harness.registry import Registry
    from harness.store import Store

STATUSES = ("ok", "unsupported", "failed_check", "diverged", "out_of_memory", "timed_out", "crashed", "error")
HARMLESS = ("ok", "unsupported")


@click.command("run")
@selection
@click.option("--executor", default="processes", show_default=True, help="Where trials run.")
@click.option("--jobs", type=click.IntRange(min=1), help="Trials at a time  [default: the suite's, or CPUs / threads]")
@click.option("--threads", type=click.IntRange(min=1), help="CPU threads of a trial  [default: the suite's, or 1]")
@click.option("--memory", type=float, help="GiB a trial may take  [default: 90% of what is free / jobs]")
@click.option("--timeout", type=float, help="Seconds a trial may take  [default: the suite's]")
@click.option("--retry", multiple=True, help="Run trials of this status again (timed_out, error, ...).")
@click.option(
    "--checkpoint-seconds",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Time between checkpoints of a trial; 0 keeps and reads none.",
)
@click.option("--keep-weights", is_flag=True, help="Keep each trained network: artifacts/<trial>/weights/.")
@click.option("--cache", type=click.Path(path_type=Path), help="Where data sets are kept  [default: user cache]")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line instead of text.")
def command(
    overrides: tuple[str, ...],
    plugins: tuple[Path, ...],
    results: Path,
    executor: str,
    jobs: int | None,
    threads: int | None,
    memory: float | None,
    timeout: float | None,
    retry: tuple[str, ...],
    checkpoint_seconds: float,
    keep_weights: bool,
    cache: Path | None,
    as_json: bool,
) -> int:
    """Run a suite and write its leaderboard.

    \b
    harness run suite=long-context
    harness run suite=long-context model=mamba,s4d seed=0..4 mamba.d_state=16,64

    Trials that the results folder holds already are not run again: after an interruption, give the same command.
    """
    from dataclasses import replace

    import psutil
    from rich.console import Console

    from harness.commands.progress import choose_display
    from harness.executors.contract import ExecutionSettings
    from harness.folders import CheckpointFolder, cache_folder
    from harness.machine import available_cpus
    from harness.planning.memory import memory_notes
    from harness.planning.selection import check_statuses, select
    from harness.store import Store

    again = check_statuses(retry, STATUSES)
    chosen = select(overrides, plugins)
    build_executor = chosen.registry.executors[executor].spec.build.load()
    store = Store(results)
    store.prepare()
    plan = chosen.plan
    known = store.statuses(trial.trial_id for trial in plan.trials)
    waiting = [trial for trial in plan.trials if known.get(trial.trial_id, "") in {"", *again}]
    if timeout is not None:
        waiting = [replace(trial, timeout_seconds=timeout) for trial in waiting]
    store.write_run(plan.run_id, describe_run(chosen, overrides))
    console = Console(stderr=as_json)
    announce(console, plan, len(waiting))
    threads = threads or plan.threads
    jobs = jobs or plan.jobs or max(1, available_cpus() // threads)
    if jobs * threads > available_cpus():
        wanted = f"{jobs} jobs of {threads} threads are more than the {available_cpus()} CPUs"
        console.print(f"note: {wanted}; every measured time will suffer", highlight=False)
    free = psutil.virtual_memory().available
    settings = ExecutionSettings(
        jobs=jobs,
        threads=threads,
        memory_bytes=int(memory * 2**30) if memory is not None else int(0.9 * free / jobs),
        cache=cache or cache_folder(),
        plugin_files=chosen.plugin_files,
        run_id=plan.run_id,
        checkpoints=CheckpointFolder(store.checkpoints, checkpoint_seconds) if checkpoint_seconds else None,
        keep_weights=keep_weights,
    )
    for line in memory_notes(waiting, settings.memory_bytes):
        console.print(line, markup=False, highlight=False)
    display = choose_display(as_json, console)
    left = execute(build_executor(settings), waiting, store, display, chosen.registry, len(plan.trials))
    if left:
        done = len(plan.trials) - left
        console.print(f"stopped: {done} of {len(plan.trials)} trials are done and kept; "
                      "the same command goes on from here", highlight=False)  # fmt: skip
        return 130
    return conclude(plan, store, console, as_json, chosen.registry)


def execute(
    executor: Executor,
    trials: Sequence[Trial],
    store: Store,
    display: Display,
    registry: Registry,
    total: int,
) -> int:
    """Run the trials and write a row for each; returns how many are left after an interruption."""
    left = len(trials)
    display.open(total, total - left)
    try:
        with _termination_as_interrupt():
            for event in executor.run(trials):
                left -= _kept(event, store, registry)
                display.show(event)
    except KeyboardInterrupt:
        pass
    finally:
        executor.close()
        display.close()
    return left


def _kept(event: Event, store: Store, registry: Registry) -> int:
    from harness.executors.contract import Finished, Started

    if isinstance(event, Started):
        _observe(registry, "harness_trial_started", trial=event.trial)
    if not isinstance(event, Finished):
        return 0
    store.write_row(event.outcome.row, event.outcome.curve, event.outcome.artifacts)
    _observe(registry, "harness_trial_finished", trial=event.trial, row=event.outcome.row)
    return 1


def _observe(registry: Registry, hook: str, **arguments: Any) -> None:
    """Tell observers one by one; one that raises is reported and stops nothing."""
    for implementation in getattr(registry.hooks.hook, hook).get_hookimpls():
        try:
            implementation.function(*(arguments[name] for name in implementation.argnames))
        except Exception as error:
            warnings.warn(f"{hook} of plugin {implementation.plugin_name} raised {error!r}", stacklevel=1)


@contextmanager
def _termination_as_interrupt() -> Iterator[None]:
    """SIGTERM ends the run as Ctrl-C does: trials are stopped, rows are kept."""

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def describe_run(chosen: Selection, overrides: Sequence[str]) -> dict[str, Any]:
    """What the results folder keeps of a run: the command, the planned trials, and what was left out and why."""
    plan = chosen.plan
    return {
        "run_id": plan.run_id,
        "command": ["harness", "run", *overrides, *(f"--plugin={path}" for path in chosen.plugin_files)],
        "suite": plan.suite,
        "scale": plan.scale,
        "trial_ids": [trial.trial_id for trial in plan.trials],
        "skipped": [{"task": item.task, "model": item.model, "reason": item.reason} for item in plan.skipped],
    }


def announce(console: Any, plan: Plan, waiting: int) -> None:
    for line in plan.left_out:
        console.print(line, markup=False, highlight=False)
    done = len(plan.trials) - waiting
    already = f", {done} done before" if done else ""
    console.print(
        f"{plan.suite} at scale {plan.scale}: {len(plan.trials)} trials{already} (run {plan.run_id})",
        markup=False,
        highlight=False,
    )


def conclude(plan: Plan, store: Store, console: Any, as_json: bool, registry: Registry) -> int:
    """Write the leaderboard and the reports; the exit code is 1 when a trial failed."""
    from harness.reports.report import make_report
    from harness.reports.terminal import print_boards
    from harness.reports.writing import write_report

    store.export()
    reading = store.read(trial.trial_id for trial in plan.trials)
    trial_ids = list(reading.table["trial_id"])
    artifacts = store.artifacts(trial_ids)
    report = make_report(reading.table, store.curves(trial_ids), artifacts=artifacts, registry=registry)
    for problem in reading.problems:
        click.echo(f"warning: {problem}", err=True)
    if not as_json:
        print_boards(report.boards, console, tables=report.aggregates, scalings=report.scalings)
    failed = reading.table.loc[~reading.table["status"].isin(HARMLESS)]
    page = write_report(report, store.folder / "reports" / f"{plan.run_id}.html")
    console.print(f"leaderboard: {store.folder / 'leaderboard.parquet'}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"report: {page}", markup=False, highlight=False, soft_wrap=True)
    sys.stdout.flush()
    return 1 if len(failed) or reading.problems else 0
