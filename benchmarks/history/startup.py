"""What a person waits for before anything happens."""

from __future__ import annotations

import subprocess
import sys


class Command:
    """A command of the harness in a process of its own, from start to end."""

    params = ("--help", "list models", "plan suite=long-context scale=smoke")
    param_names = ("arguments",)

    def time_command(self, arguments: str) -> None:
        subprocess.run([sys.executable, "-m", "harness.cli", *arguments.split()], check=True, capture_output=True)


def timeraw_import_command_line() -> str:
    return "import harness.cli"


def timeraw_import_decorator() -> str:
    return "from harness import model"


def timeraw_import_fit_loop() -> str:
    """Torch included, which is most of it."""
    return "import harness.runtime.fitting"
