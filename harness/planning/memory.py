"""What learners will keep beside their networks, known before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psutil

from harness.configuration import parse_config
from harness.errors import MissingDataError
from harness.interfaces import LearnerMemory, Training
from harness.planning.trials import Trial
from harness.specs import ModelSpec, TaskSpec

SHOWN_BYTES = 100_000_000
GIGABYTE = 1e9


def plan_memory(
    task: TaskSpec,
    task_options: Mapping[str, Any],
    model: ModelSpec,
    model_options: Mapping[str, Any],
    training: Training,
    steps: int,
) -> tuple[LearnerMemory | None, str]:
    """What the learner of a trial will keep, where the model says it, and why it cannot be kept here ("" if it can).

    The task is built, which loads what it needs, only for models that say it.
    """
    if model.memory is None:
        return None, ""
    try:
        data = task.build.load()(parse_config(task.config.load(), task_options, task.name)).describe()
    except MissingDataError as error:
        return None, str(error)
    config = parse_config(model.config.load(), model_options, model.name)
    memory: LearnerMemory = model.memory.load()(config, data, training, steps)
    return memory, _does_not_fit(memory, model.name, psutil.virtual_memory().total)


def memory_notes(trials: Sequence[Trial], limit_bytes: int | None = None) -> list[str]:
    """A line for each model whose learners keep much, and whether it is more than `limit_bytes`, a trial's limit."""
    kept: dict[tuple[str, str], list[int]] = {}
    for trial in trials:
        if trial.memory is not None and trial.memory.num_bytes > SHOWN_BYTES:
            kept.setdefault((trial.model, trial.memory.content), []).append(trial.memory.num_bytes)
    return [_note(model, content, sizes, limit_bytes) for (model, content), sizes in kept.items()]


def _note(model: str, content: str, sizes: Sequence[int], limit_bytes: int | None) -> str:
    least, most = f"{min(sizes) / GIGABYTE:.2f}", f"{max(sizes) / GIGABYTE:.2f}"
    note = f"{model}: {content} {most if least == most else f'{least} to {most}'} GB a trial"
    if limit_bytes is None or max(sizes) <= limit_bytes:
        return note
    return f"{note}, more than the {limit_bytes / GIGABYTE:.2f} GB that it may take; give fewer --jobs or more --memory"


def _does_not_fit(memory: LearnerMemory, model: str, total_bytes: int) -> str:
    if memory.num_bytes <= total_bytes:
        return ""
    needed, total = f"{memory.num_bytes / GIGABYTE:.2f} GB", f"{total_bytes / GIGABYTE:.2f} GB"
    return (
        f"{model} keeps a {memory.content} of {needed} beside its network; this machine has {total} in all; "
        f"give a smaller {model}.{memory.option}"
    )
