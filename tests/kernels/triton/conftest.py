from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

FILES = Path(__file__).parents[1] / "files"


@pytest.fixture
def run_alone(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a file of tests in a process of its own, with Triton's interpreter or without."""

    def run(file: str, *, interpret: bool) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
        environment["TRITON_CACHE_DIR"] = str(tmp_path)
        if interpret:
            environment["TRITON_INTERPRET"] = "1"
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", FILES / file],
            env=environment,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )

    return run
