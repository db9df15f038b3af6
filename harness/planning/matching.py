"""What every model of a board is given alike, and what of it a task and a model can have."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.configuration import parse_config
from harness.errors import MissingDataError, UsageError
from harness.interfaces import Budget, Task
from harness.planning.trials import Match
from harness.registry import Registry
from harness.specs import Capability, ModelSpec, TaskSpec

WITHOUT_PASS = (Capability.COMPLETES, Capability.SAMPLES_VIDEO)


def check_match(match: Match, task: TaskSpec) -> None:
    """Raises UsageError where what a task's models do leaves nothing of the kind to match."""
    why = ""
    if match.kind != "parameters" and task.scaling is not None:
        why = f"measures cost along {task.scaling.along} and has no one size of it"
    elif match.kind == "seconds" and task.needs is Capability.ACTS:
        why = "plans by steps, of which early and late ones cost differently; budget.seconds= stops it"
    elif match.kind == "flops" and task.needs in WITHOUT_PASS:
        why = "asks for no one pass over an example, whose operations could be counted"
    elif match.kind == "state_bytes" and task.needs not in (Capability.PREDICTS_TOKENS, Capability.STEPS_TOKENS):
        why = "has no sequences of tokens, along which a state would be kept"
    if why:
        raise UsageError(f"match.{match.kind}: {task.name} {why}; choose other tasks with task=, or match.parameters=")


def check_options(match: Match, model: ModelSpec, options: Mapping[str, Any]) -> None:
    """Raises UsageError where the options give the size that matching would choose."""
    if match.kind != "seconds" and model.sized_by in options:
        raise UsageError(
            f"{model.name}.{model.sized_by} is what match.{match.kind}={match.target:.15g} chooses; "
            f"leave it out, or turn matching off with match.{match.kind}=0"
        )


def timed_budget(match: Match, chosen: Mapping[str, Any]) -> Budget:
    """The budget of models that train for the same time, which goes before the suite's: as many steps as it lasts for.

    Raises UsageError where the command line gives another.
    """
    if chosen:
        raise UsageError(
            f"match.seconds={match.target:.15g} is the whole budget, and budget.{next(iter(chosen))}= is another; "
            "leave one of them out"
        )
    return Budget(steps=0, seconds=match.target)


def matched_options(
    match: Match,
    task: TaskSpec,
    task_options: Mapping[str, Any],
    model: ModelSpec,
    options: Mapping[str, Any],
    registry: Registry,
    precision: str,
) -> tuple[dict[str, Any], str]:
    """The options of a model that is sized, and why its result would be unranked ("" if it would not)."""
    if match.kind == "seconds":
        return dict(options), ""
    if match.kind == "state_bytes" and Capability.STEPS_TOKENS not in model.capabilities:
        return dict(options), f"match.state_bytes: {model.name} does not read token by token, so it keeps no state"
    from harness.runtime.sizing import sized_options

    built: Task = task.build.load()(parse_config(task.config.load(), task_options, task.name))
    try:
        return sized_options(built, model, options, match, registry, precision)
    except MissingDataError as error:
        return dict(options), str(error)
