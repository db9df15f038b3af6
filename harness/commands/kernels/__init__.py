"""`harness kernels`: list, check, compile, time and report on kernels."""

from __future__ import annotations

import importlib

import click

COMMANDS = {
    "list": "List ops and their kernels, with what cannot run here and why.",
    "check": "Hold kernels to their definitions.",
    "compile": "Compile kernels for GPUs that need not be here.",
    "bench": "Time kernels against each other and against the hardware's floor.",
    "report": "Show what was measured beside the goals.",
}


class KernelsGroup(click.Group):
    """A group whose commands live in `harness.commands.kernels.<name>`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        found: click.Command = importlib.import_module(f"harness.commands.kernels.{name}").command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group("kernels", cls=KernelsGroup)
def command() -> None:
    """List, check, compile, time and report on kernels.

    \b
    harness kernels list op=attention
    harness kernels check op=attention kernel=triton,cuda --emulate
    harness kernels bench op=selective_scan
    """
