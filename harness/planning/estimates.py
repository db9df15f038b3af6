"""How long trials will take, judged by rows of like trials."""

from __future__ import annotations

from collections.abc import Sequence

from harness.planning.trials import Trial
from harness.store import Store


def estimate_seconds(trials: Sequence[Trial], store: Store) -> tuple[float | None, int]:
    """Seconds of one worker for all trials, and for how many the guess is by another model of the task.

    None when the store has no row of some trial's task.
    """
    if not (store.folder / "rows").is_dir():
        return None, 0
    rows = store.read().table
    rows = rows.loc[(rows["status"] == "ok") & (rows["steps"] > 0)]
    rate = rows["wall_seconds"] / rows["steps"]
    by_pair = rate.groupby([rows["scale"], rows["task"], rows["model"]]).median().to_dict()
    by_task = rate.groupby([rows["scale"], rows["task"]]).median().to_dict()
    total, guessed = 0.0, 0
    for trial in trials:
        if trial.unsupported:
            continue
        if trial.budget.steps == 0 and trial.budget.seconds is not None:
            total += trial.budget.seconds * len(trial.learning_rates)
            continue
        steps = trial.budget.steps * len(trial.learning_rates)
        key = (trial.scale, trial.task)
        if (*key, trial.model) in by_pair:
            total += by_pair[(*key, trial.model)] * steps
        elif key in by_task:
            total += by_task[key] * steps
            guessed += 1
        else:
            return None, 0
    return total, guessed
