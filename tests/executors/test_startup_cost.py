"""After the first, a trial's process costs little to start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.store import Store

FILES = Path(__file__).parents[1] / "files"


@pytest.mark.slow
def test_a_trial_starts_in_under_three_tenths_of_a_second(tmp_path, cache):
    arguments = ["run", f"suite={FILES / 'tiny.toml'}", "model=healthy", "seed=0..7", "budget.steps=1"]
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", *arguments, "--jobs", "1", "--plugin", str(FILES / "faults.py")],
        cwd=tmp_path,
        env={**os.environ, "HARNESS_CACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = Store(tmp_path / "results/local").read().table.sort_values("started_at")
    between = rows["started_at"].diff().dt.total_seconds().iloc[2:]
    inside = rows["wall_seconds"].iloc[1:-1].to_numpy()
    overhead = between.to_numpy() - inside
    assert min(overhead) < 0.3, overhead
