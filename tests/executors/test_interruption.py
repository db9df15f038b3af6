"""A run may be ended at any moment; the same command finishes it and nothing is done twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from harness.store import COLUMNS, Store

FILES = Path(__file__).parents[1] / "files"
STABLE = [column.name for column in COLUMNS if column.kind != "measured"]
ARGUMENTS = ["run", f"suite={FILES / 'tiny.toml'}", "seed=0..2", "budget.steps=30"]


def start(folder, cache, *options):
    return subprocess.Popen(
        [sys.executable, "-m", "harness.cli", *ARGUMENTS, *options],
        cwd=folder,
        env={**os.environ, "HARNESS_CACHE": str(cache)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A test run in the background of a shell has SIGINT ignored, and its children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finish(folder, cache, *options):
    process = start(folder, cache, *options)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    return output


def rows(folder):
    return Store(folder / "results" / "local").read().table


def wait_for_rows(folder, count):
    deadline = time.monotonic() + 60
    while len(list((folder / "results" / "local" / "rows").glob("*.parquet"))) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, cache):
    folder = tmp_path_factory.mktemp("uninterrupted")
    finish(folder, cache, "--jobs", "2")
    return rows(folder)


@pytest.mark.parametrize("after", [0, 1, 3], ids=lambda count: f"after-{count}-rows")
def test_a_killed_run_goes_on_where_it_was(tmp_path, cache, uninterrupted, after):
    process = start(tmp_path, cache, "--jobs", "2")
    wait_for_rows(tmp_path, after) if after else time.sleep(1.0)
    process.kill()
    process.communicate()
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "results/local/rows").glob("*.parquet")}
    finish(tmp_path, cache, "--jobs", "2")
    again = {name: (tmp_path / "results/local/rows" / name).stat().st_mtime_ns for name in kept}
    assert again == kept
    pd.testing.assert_frame_equal(rows(tmp_path)[STABLE], uninterrupted[STABLE])


def test_results_do_not_depend_on_the_number_of_jobs(tmp_path, cache, uninterrupted):
    finish(tmp_path, cache, "--jobs", "1")
    pd.testing.assert_frame_equal(rows(tmp_path)[STABLE], uninterrupted[STABLE])


def test_results_do_not_depend_on_the_executor(tmp_path, cache, uninterrupted):
    finish(tmp_path, cache, "--executor", "inline")
    pd.testing.assert_frame_equal(rows(tmp_path)[STABLE], uninterrupted[STABLE])


def test_a_finished_run_runs_nothing_again(tmp_path, cache):
    finish(tmp_path, cache)
    assert "6 trials, 6 done before" in finish(tmp_path, cache)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interruption_stops_within_two_seconds_and_says_how_to_go_on(tmp_path, cache, number):
    process = start(tmp_path, cache, "--jobs", "2", "--plugin", str(FILES / "faults.py"), "model=hangs,transformer")
    wait_for_rows(tmp_path, 1)
    children = psutil.Process(process.pid).children(recursive=True)
    started = time.monotonic()
    process.send_signal(number)
    try:
        output, _ = process.communicate(timeout=10)
    finally:
        process.kill()
    assert time.monotonic() - started < 2.0
    assert process.returncode == 130
    assert "the same command goes on from here" in output
    _, alive = psutil.wait_procs(children, timeout=2.0)
    assert alive == []


def test_a_damaged_row_is_made_again(tmp_path, cache, uninterrupted):
    finish(tmp_path, cache)
    victim = sorted((tmp_path / "results/local/rows").glob("*.parquet"))[0]
    victim.write_bytes(victim.read_bytes()[:50])
    finish(tmp_path, cache)
    pd.testing.assert_frame_equal(rows(tmp_path)[STABLE], uninterrupted[STABLE])
