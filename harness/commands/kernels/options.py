"""What several commands of `harness kernels` take and print."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from harness.commands.options import plugin_option

Command = TypeVar("Command", bound=Callable[..., Any])


def chosen_kernels(command: Command) -> Command:
    """`op= kernel= dtype= device=` and `--plugin`."""
    argument = click.argument("chosen", nargs=-1, metavar="[op=|kernel=|dtype=|device=]...")
    return argument(plugin_option(command))


def jobs_option(command: Command) -> Command:
    return click.option("--jobs", type=click.IntRange(min=1), help="Processes at a time  [default: CPUs]")(command)
