"""A run that is killed while an agent learns goes on from the agent's checkpoint."""

import os
import re
import subprocess
import sys
import time

import psutil
import pytest

from harness.store import Store

STEPS = 4_000
ARGUMENTS = ["run", "suite=atari", "scale=smoke", "task=chain", "model=dqn_sample_efficient", f"budget.steps={STEPS}"]


@pytest.fixture
def start(tmp_path, cache):
    def run(*options):
        return subprocess.Popen(
            [sys.executable, "-m", "harness.cli", *ARGUMENTS, *options],
            cwd=tmp_path,
            env={**os.environ, "HARNESS_CACHE": str(cache)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return run


def checkpoints(folder):
    return list((folder / "results/local/checkpoints").glob("*/0.pt"))


def kill_after_a_checkpoint(process, folder):
    """With kill -9, as soon as there is a checkpoint; returns when all of the run's processes are gone."""
    deadline = time.monotonic() + 60
    while not checkpoints(folder):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(children, timeout=5.0)
    assert alive == []


def finished_row(process, folder):
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    store = Store(folder / "results/local")
    (row,) = store.read().table.to_dict("records")
    steps = store.curves([row["trial_id"]]).query("name == 'loss'")["step"]
    return row, steps.tolist()


def test_a_killed_trial_goes_on_from_its_checkpoint_and_says_so(tmp_path, start):
    kill_after_a_checkpoint(start("--checkpoint-seconds", "0.2"), tmp_path)
    row, steps = finished_row(start(), tmp_path)
    found = re.fullmatch(
        rf"continued once, at step (\d+) of {STEPS}: the learner and its replay intact, games began anew",
        row["continued"],
    )
    assert found, row["continued"]
    assert 0 < int(found[1]) < STEPS
    assert (row["status"], row["steps"]) == ("ok", STEPS)
    assert steps == list(range(40, STEPS + 1, 40))
    assert list((tmp_path / "results/local/checkpoints").iterdir()) == []
