"""`harness leaderboard`: boards in the terminal."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.options import results_option


@click.command("leaderboard")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@results_option
@click.option("--run", "runs", multiple=True, help="A run, by its name or the start of it  [default: the newest]")
@click.option("--all", "show_all", is_flag=True, help="Every row of the results folder, of whatever run.")
@click.option("--task", "tasks", multiple=True, help="Only this task.")
@click.option("--model", "models", multiple=True, help="Only this model.")
@click.option("--scale", "scales", multiple=True, help="Only this scale.")
@click.option("--metric", "metrics", multiple=True, help="Show this metric too; `all` shows every one.")
@click.option("--json", "as_json", is_flag=True, help="The boards as JSON.")
def command(
    paths: tuple[Path, ...],
    results: Path,
    runs: tuple[str, ...],
    show_all: bool,
    tasks: tuple[str, ...],
    models: tuple[str, ...],
    scales: tuple[str, ...],
    metrics: tuple[str, ...],
    as_json: bool,
) -> int:
    """Show the leaderboard of the newest run, of other runs, or of results folders and Parquet files (PATH).

    \b
    harness leaderboard
    harness leaderboard --all --task mqar --metric all
    harness leaderboard results/small/leaderboard.parquet

    The exit code is 1 when a file could not be read; the rest is shown all the same.
    """
    import dataclasses
    import json

    from rich.console import Console

    from harness.errors import UsageError
    from harness.registry import load_registry, suggest
    from harness.reports import choosing
    from harness.reports.aggregates import make_aggregates
    from harness.reports.board import make_boards
    from harness.reports.published import make_published
    from harness.reports.scaling import make_scalings, trials_of
    from harness.reports.terminal import ALL_METRICS, print_boards
    from harness.store import Store

    if runs and (show_all or paths):
        raise UsageError("--run names part of a results folder, --all and PATH mean all of one; give one of them")
    if paths:
        chosen = choosing.of_paths(paths)
    elif show_all:
        chosen = choosing.everything(Store(results))
    else:
        chosen = choosing.of_runs(Store(results), runs)
    for column, names in (("task", tasks), ("model", models), ("scale", scales)):
        chosen = choosing.filtered(chosen, column, names)
    boards = make_boards(chosen.table)
    known = {metric.name for board in boards for entry in board.entries for metric in entry.metrics}
    known |= {name.split("[")[0] for name in known}
    for name in metrics:
        if name not in known | {ALL_METRICS}:
            raise UsageError(f"--metric {name}: no row has it; {suggest(name, [ALL_METRICS, *sorted(known)])}")
    registry = load_registry()
    tables = make_aggregates(boards, registry)
    store = None if paths else Store(results)
    samples = None if store is None else store.curves(trials_of(boards, registry))
    scalings = make_scalings(boards, samples, registry)
    if as_json:
        content = {
            "missing": chosen.missing,
            "boards": [dataclasses.asdict(board) for board in boards],
            "aggregates": [dataclasses.asdict(table) for table in tables],
            "scalings": [dataclasses.asdict(scaling) for scaling in scalings],
        }
        click.echo(json.dumps(content, indent=1, ensure_ascii=False))
    else:
        print_boards(boards, Console(), metrics, make_published(boards, registry), tables, scalings)
    if chosen.missing:
        click.echo(f"{chosen.missing} planned trials have no row yet; the same `harness run` finishes them", err=True)
    for problem in chosen.problems:
        click.echo(f"warning: {problem}", err=True)
    return 1 if chosen.problems else 0
