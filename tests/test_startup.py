"""The command starts at once: nothing heavy is imported before it is needed."""

import statistics
import subprocess
import sys
import time

import pytest

HEAVY = ("torch", "numpy", "pandas", "pyarrow", "pydantic", "scipy", "numba", "sklearn")
PROGRAM = """
import sys
from harness.cli import cli
cli.main({arguments!r}, standalone_mode=False)
loaded = sorted(name for name in {heavy!r} if name in sys.modules)
assert not loaded, loaded
"""


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["list", "models"], ["--version"]], ids=" ".join)
def test_light_commands_load_nothing_heavy(arguments):
    program = PROGRAM.format(arguments=arguments, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("arguments", "limit"), [(["--help"], 0.150), (["list"], 0.300)], ids=["help", "list"])
def test_light_commands_are_quick(arguments, limit):
    seconds = []
    for _ in range(7):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "harness.cli", *arguments], capture_output=True, check=True)
        seconds.append(time.perf_counter() - started)
    assert min(seconds) < limit, (min(seconds), statistics.median(seconds))


def test_a_trial_loads_no_statistics():
    found = subprocess.run(
        [sys.executable, "-c", "import sys, harness.runtime.trial; print('scipy' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "False"
