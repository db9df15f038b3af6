"""lm-eval's own command line with our models."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def lm_eval(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "harness.bridges.lm_eval", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def run(folder: Path, tasks: Path, model_args: str, task: str) -> subprocess.CompletedProcess[str]:
    return lm_eval("run", "--model", "harness", "--model_args", model_args, "--tasks", tasks / f"{task}.yaml",
                   "--batch_size", "4", "--output_path", folder, "--log_samples", cwd=folder)  # fmt: skip


def test_a_checkpoint_is_evaluated_and_named_in_the_results(checkpoints, task_folder, tmp_path):
    done = run(tmp_path, task_folder, f"checkpoint={checkpoints['mamba']}", "local_choice")
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = tmp_path.rglob("results_*.json")
    found = json.loads(file.read_text())
    assert found["config"]["harness_model"]["name"] == "mamba"
    assert 0 <= found["results"]["local_choice"]["acc,none"] <= 1
    assert "|local_choice|" in done.stdout


def test_what_is_wrong_is_said_in_one_line(task_folder, tmp_path):
    done = run(tmp_path, task_folder, "name=mambo", "local_choice")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("error: no model is called 'mambo'")
    assert "Traceback" not in done.stderr
