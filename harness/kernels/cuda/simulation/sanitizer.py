"""The process in which the address sanitizer watches kernels and the tensors that they touch."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from harness.errors import UnsupportedError, UsageError
from harness.kernels.cuda.simulation.toolchain import find_compiler

_LIBRARY = "libasan.so"


def sanitizer_environment() -> dict[str, str]:
    """What a process that runs `Simulator(sanitize=True)` needs in its environment.

    The sanitizer has to see every allocation, so that its library is loaded before anything else. The first access that
    is not allowed ends the process with a report that names the line.
    """
    # The sanitizer looks for C++'s exceptions when it starts, long before torch brings them.
    libraries = [_find(_LIBRARY), _find("libstdc++.so")]
    return {
        "LD_PRELOAD": " ".join(map(str, libraries)),
        "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=0",
    }


def check_sanitizer() -> None:
    """A UsageError where this process was not started with that environment: loading a kernel would end it."""
    if "libasan" not in os.environ.get("LD_PRELOAD", ""):
        raise UsageError(
            "Simulator(sanitize=True) needs a process with the address sanitizer; start one with the variables of "
            "sanitizer_environment()"
        )


def _find(library: str) -> Path:
    asked = [find_compiler(), f"-print-file-name={library}"]
    found = Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())
    if not found.is_absolute():
        raise UnsupportedError(f"the address sanitizer needs {library}, which g++ does not find; install it with g++")
    return found.resolve()
