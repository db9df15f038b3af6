"""The `harness` command. Each subcommand's module is imported only when it runs."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys

import click

from harness.errors import HarnessError

COMMANDS = {
    "run": "Run a suite and write its leaderboard.",
    "plan": "Show what `run` would do, and run nothing.",
    "list": "List models, tasks, metrics, datasets, kernels, suites or plugins.",
    "show": "Show one of them with its options and source.",
    "leaderboard": "Show the leaderboard of a run in the terminal.",
    "report": "Write a report of one or more runs.",
    "kernels": "List, check, compile, time and report on kernels.",
    "gpu-check": "Compile, check and time every kernel on this machine's GPU.",
    "doctor": "Say what is installed, what is broken, and how to mend it.",
}


class LazyGroup(click.Group):
    """A group whose commands live in `harness.commands.<name>`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"harness.commands.{name.replace('-', '_')}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from harness.registry import suggest

            ctx.fail(f"there is no command {args[0]!r}; {suggest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="arch-harness", prog_name="harness")
def cli() -> None:
    """Compare deep-learning architectures and their kernels: which is better, at what cost, and are we sure?

    \b
    harness run suite=long-context
    harness run suite=long-context model=mine,mamba --plugin my_model.py
    """


def main() -> None:
    """Run the command line; errors meant for people end with their message and exit code."""
    try:
        code = cli.main(prog_name="harness", standalone_mode=False)
    except HarnessError as error:
        click.echo(f"error: {error}", err=True)
        code = error.exit_code
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except click.exceptions.Exit as error:
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = 130
    _leave(code if isinstance(code, int) else 0)


def _leave(code: int) -> None:
    """End at once: taking down a process that has torch loaded costs seconds and does nothing for anyone."""
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
