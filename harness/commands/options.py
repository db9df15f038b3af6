"""What several commands take: overrides with completion, plugin files, the results folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

Command = TypeVar("Command", bound=Callable[..., Any])
RESULTS = Path("results/local")


class OverrideType(click.ParamType[str]):
    """`key=value`; completes keys, and names after `suite=`, `model=` and `task=`."""

    name = "key=value"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        from harness.registry import load_registry

        registry = load_registry()
        key, separator, value = incomplete.partition("=")
        if not separator:
            keys = ["suite=", "scale=", "model=", "task=", "kernel=", "seed=", "device=", "precision="]
            keys += [
                "budget.steps=",
                "budget.seconds=",
                "training.learning_rate=",
                "match.parameters=",
                "match.flops=",
                "match.state_bytes=",
                "match.seconds=",
            ]
            keys += [f"{name}." for name in (*registry.models.names(), *registry.tasks.names())]
            return [CompletionItem(item, type="nospace") for item in keys if item.startswith(incomplete)]
        names = {
            "suite": [name.replace("_", "-") for name in registry.suites.names()],
            "model": registry.models.names(),
            "task": [*registry.tasks.names(), *(f"{name}:" for name in registry.tasks.families.names())],
            "kernel": ["auto", *sorted({spec.name for spec in registry.kernels.specs()})],
            "scale": ["smoke", "small", "medium", "paper"],
            "device": ["auto", "cpu", "cuda"],
            "precision": ["float32", "bfloat16", "float64"],
        }.get(key, [])
        done, comma, last = value.rpartition(",")
        return [CompletionItem(f"{key}={done}{comma}{name}") for name in names if name.startswith(last)]


def selection(command: Command) -> Command:
    """Overrides, `--plugin` and `--results`, for commands that make a plan."""
    for decorate in (
        click.argument("overrides", nargs=-1, type=OverrideType()),
        plugin_option,
        results_option,
    ):
        command = decorate(command)
    return command


def plugin_option(command: Command) -> Command:
    return click.option(
        "--plugin", "plugins", multiple=True, type=click.Path(path_type=Path), help="A Python file with a plugin in it."
    )(command)


def results_option(command: Command) -> Command:
    return click.option(
        "--results", type=click.Path(path_type=Path), default=RESULTS, show_default=True, help="The results folder."
    )(command)
