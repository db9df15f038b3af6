"""`harness report`: a file that shows one or more runs."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.options import plugin_option, results_option


@click.command("report")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@results_option
@click.option("--all", "show_all", is_flag=True, help="Every row of the results folder, of whatever run.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file  [default: <results>/reports/<run>]")
@click.option("--format", "form", default="html", show_default=True, help="html, markdown or a plugin's form.")
@plugin_option
def command(
    runs: tuple[str, ...],
    results: Path,
    show_all: bool,
    output: Path | None,
    form: str,
    plugins: tuple[Path, ...],
) -> int:
    """Write a report of one or more runs (by name, or the start of it), and print its path.

    \b
    harness report
    harness report --format markdown -o board.md

    Without RUN it shows the run that was planned last. The exit code is 1 when a file could not be read; the report
    has the rest all the same.
    """
    from harness.errors import UsageError
    from harness.registry import load_registry
    from harness.reports import choosing
    from harness.reports.report import make_report
    from harness.reports.writing import write_report
    from harness.store import Store

    if runs and show_all:
        raise UsageError("--all shows every run; leave out either it or the runs' names")
    registry = load_registry(plugins)
    reporter = registry.reporters[form].spec
    store = Store(results)
    chosen = choosing.everything(store) if show_all else choosing.of_runs(store, runs)
    trial_ids = list(chosen.table["trial_id"])
    report = make_report(chosen.table, store.curves(trial_ids), chosen.missing, store.artifacts(trial_ids), registry)
    shown = sorted(set(chosen.table["run_id"].dropna()))
    name = shown[0] if len(shown) == 1 else "report"
    path = output or results / "reports" / f"{name}{reporter.suffix}"
    click.echo(write_report(report, path, reporter.render.load()))
    for problem in chosen.problems:
        click.echo(f"warning: {problem}", err=True)
    return 1 if chosen.problems else 0
