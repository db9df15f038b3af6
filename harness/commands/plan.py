"""`harness plan`: what `run` would do, and why a trial is new or done."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.options import selection


@click.command("plan")
@selection
@click.option("--explain", is_flag=True, help="Say of each trial why it is new, done or impossible.")
@click.option("--json", "as_json", is_flag=True, help="The plan as JSON.")
def command(overrides: tuple[str, ...], plugins: tuple[Path, ...], results: Path, explain: bool, as_json: bool) -> None:
    """Show what `run` would do, and run nothing. Takes what `run` takes."""
    import json

    from rich.console import Console
    from rich.table import Table

    from harness.commands.progress import duration
    from harness.planning.estimates import estimate_seconds
    from harness.planning.memory import memory_notes
    from harness.planning.selection import select
    from harness.store import Store

    plan = select(overrides, plugins).plan
    store = Store(results)
    known = store.statuses(trial.trial_id for trial in plan.trials)
    waiting = [trial for trial in plan.trials if trial.trial_id not in known]
    seconds, guessed = estimate_seconds(waiting, store)
    if as_json:
        content = {
            "run_id": plan.run_id,
            "trials": [
                {**trial.identity, "trial_id": trial.trial_id, "unsupported": trial.unsupported,
                 "unranked": trial.unranked, "status": known.get(trial.trial_id),
                 "learner_bytes": None if trial.memory is None else trial.memory.num_bytes}
                for trial in plan.trials
            ],
            "skipped": [{"task": item.task, "model": item.model, "reason": item.reason} for item in plan.skipped],
            "estimated_cpu_seconds": seconds,
        }  # fmt: skip
        click.echo(json.dumps(content, indent=1))
        return
    console = Console()
    table = Table(box=None, pad_edge=False)
    for heading in ("task", "model", "kernels", "seed", "steps", *(("why",) if explain else ())):
        table.add_column(heading, overflow="fold")
    for trial in plan.trials:
        kernels = " ".join(f"{op}={name}" for op, name in trial.kernels.items()) or "-"
        if trial.unsupported:
            why = f"cannot run: {trial.unsupported}"
        elif trial.trial_id in known:
            why = f"done before: {known[trial.trial_id]}"
        else:
            why = "new: no row with its id; options, budget, versions and sources define the id " + trial.trial_id
        steps = str(trial.budget.steps or f"for {trial.budget.seconds:g} s")
        table.add_row(trial.task, trial.model, kernels, str(trial.seed), steps,
                      *((why,) if explain else ()))  # fmt: skip
    console.print(table)
    for line in (*plan.left_out, *memory_notes(plan.trials)):
        console.print(line, markup=False, highlight=False)
    impossible = sum(bool(trial.unsupported) for trial in plan.trials)
    expected = f"about {duration(seconds)} of one core" if seconds is not None else "time unknown (no rows yet)"
    if seconds is not None and guessed:
        expected += f" ({guessed} of {len(waiting)} by analogy)"
    console.print(
        f"{len(plan.trials)} trials (run {plan.run_id}): {len(waiting)} to run, {len(known)} done before, "
        f"{impossible} cannot run here; {expected}",
        markup=False,
        highlight=False,
    )
