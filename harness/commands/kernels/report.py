"""`harness kernels report`: what was measured, and the goals beside it."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.options import plugin_option, results_option


@click.command("report")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@plugin_option
@results_option
@click.option("--goals", is_flag=True, help="Only the goals.")
def command(paths: tuple[Path, ...], plugins: tuple[Path, ...], results: Path, goals: bool) -> None:
    """Show the kernels' times in a results folder, or in others and Parquet files (PATH), and the goals beside them.

    A goal without a measurement says so: it needs a device that was not there.
    """
    from rich.console import Console
    from rich.text import Text

    from harness.kernels.running.rows import SUITE
    from harness.registry import load_registry
    from harness.reports import choosing
    from harness.reports.kernels import goal_lines, print_benchmarks
    from harness.store import Store

    registry = load_registry(plugins)
    chosen = choosing.of_paths(paths) if paths else choosing.everything(Store(results))
    table = chosen.table
    rows = table.loc[(table["suite"] == SUITE) & (table["scale"] == "bench")].to_dict("records")
    console = Console()
    if not goals:
        print_benchmarks(rows, console)
    console.print(Text("goals", "bold"))
    for line in goal_lines(rows, registry):
        mark = {True: "reached", False: "missed", None: "open"}[line.reached]
        style = {True: "green", False: "red", None: "dim"}[line.reached]
        measured = line.measured or "unmeasured"
        console.print(Text(f"{mark:<8} {line.op}  {line.size}  {line.goal}: {measured}", style))
    for problem in chosen.problems:
        click.echo(f"warning: {problem}", err=True)
