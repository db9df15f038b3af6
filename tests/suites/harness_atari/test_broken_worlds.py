"""An environment that raises or hangs costs its own trial and no other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.store import Store

FILES = Path(__file__).parents[2] / "files"


@pytest.fixture(scope="module")
def rows(tmp_path_factory, cache):
    """One run over all of them, by task."""
    folder = tmp_path_factory.mktemp("broken")
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "run", f"suite={FILES / 'broken_worlds.toml'}", "--timeout", "8"],
        cwd=folder,
        env={**os.environ, "HARNESS_CACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return Store(folder / "results" / "local").read().table.set_index("task")


def test_an_environment_that_raises_leaves_a_row_that_names_it(rows):
    row = rows.loc["raises"]
    assert (row["status"], row["reason"]) == ("error", "RuntimeError: the emulator lost its ROM")
    assert "in _advance" in row["traceback"]


def test_an_environment_that_hangs_leaves_a_row_that_says_so(rows):
    row = rows.loc["hangs"]
    assert (row["status"], row["reason"]) == ("timed_out", "still running after its limit of 8 s")


def test_the_other_trials_go_on(rows):
    assert rows["status"].to_dict() == {"raises": "error", "hangs": "timed_out", "healthy": "ok"}
