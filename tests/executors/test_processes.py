"""Trials that fail in every way leave the right row, harm no other, and leave no process behind."""

import time
from collections import Counter

import psutil
import pytest

from harness.store import Store

EXPECTED = {
    "healthy": "ok",
    "raises": "error",
    "segfaults": "crashed",
    "exits": "crashed",
    "hangs": "timed_out",
    "spins": "timed_out",
    "devours": "out_of_memory",
    "hoards": "out_of_memory",
    "diverges": "diverged",
    "wrong_shape": "error",
}


@pytest.fixture(scope="module")
def faulty_run(tmp_path_factory, cache):
    """One run over all faults, shared by the tests of this file."""
    import os
    import subprocess
    import sys
    from pathlib import Path

    files = Path(__file__).parents[1] / "files"
    folder = tmp_path_factory.mktemp("faults")
    arguments = ["run", f"suite={files / 'tiny.toml'}", f"model={','.join(EXPECTED)}", "seed=0"]
    options = ["--plugin", str(files / "faults.py"), "--memory", "1", "--timeout", "12", "--jobs", "2"]
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", *arguments, *options],
        cwd=folder,
        env={**os.environ, "HARNESS_CACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    return done, Store(folder / "results" / "local").read().table.set_index("model"), folder


def test_the_run_ends_by_itself_with_a_failing_exit_code(faulty_run):
    done, _, _ = faulty_run
    assert done.returncode == 1, done.stdout + done.stderr


@pytest.mark.parametrize(("model", "status"), EXPECTED.items(), ids=EXPECTED)
def test_every_planned_trial_has_one_row_with_its_status(faulty_run, model, status):
    _, rows, _ = faulty_run
    row = rows.loc[model]
    assert row["status"] == status, (row["status"], row["reason"], row["traceback"])


def test_no_trial_is_missing_or_doubled(faulty_run):
    _, rows, _ = faulty_run
    assert Counter(rows.index) == Counter(EXPECTED.keys())


@pytest.mark.parametrize(
    ("model", "part"),
    [
        ("raises", "ValueError: this model does not like its input"),
        ("segfaults", "SIGSEGV"),
        ("exits", "exit code 7"),
        ("hangs", "limit of 12 s"),
        ("diverges", "the loss is nan"),
    ],
)
def test_the_reason_says_what_happened(faulty_run, model, part):
    _, rows, _ = faulty_run
    assert part in rows.loc[model, "reason"]


def test_a_crash_keeps_the_native_traceback(faulty_run):
    _, rows, _ = faulty_run
    assert "Segmentation fault" in rows.loc["segfaults", "traceback"]


def test_the_healthy_trial_is_untouched(faulty_run):
    _, rows, _ = faulty_run
    assert rows.loc["healthy", "steps"] == 4
    assert rows.loc["healthy", "ranked"]


def test_no_process_is_left_behind(faulty_run):
    *_, folder = faulty_run
    deadline = time.monotonic() + 5
    while left := [process for process in psutil.process_iter() if working_folder(process) == str(folder)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert left == []


def working_folder(process):
    try:
        return process.cwd()
    except psutil.Error:
        return None
