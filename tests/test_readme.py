"""The README's own text works: its model takes part, and every command that it shows is understood."""

import re
import shlex
from pathlib import Path

import pytest

from harness.cli import COMMANDS
from harness.store import Store
from harness.testing import CHECKS, token_model

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
MODEL = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
SHOWN = [
    line.removeprefix("$ ").split("  #")[0].strip()
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ harness")
]


@pytest.fixture
def my_model(tmp_path):
    path = tmp_path / "my_model.py"
    path.write_text(MODEL, encoding="utf-8")
    return path


def test_the_model_is_at_most_forty_lines():
    assert len(MODEL.strip().splitlines()) <= 40


def test_the_shown_command_runs_the_new_model_beside_mamba(harness, my_model, tmp_path):
    shown = next(line for line in SHOWN if "--plugin" in line)
    done = harness(*shlex.split(shown)[1:], "scale=smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = Store(tmp_path / "results/local").read().table
    assert set(rows["model"]) == {"mine", "mamba"}
    assert set(rows["status"]) == {"ok"}


@pytest.mark.parametrize("check", CHECKS)
def test_the_model_holds_the_contract(my_model, check):
    CHECKS[check](token_model("mine", files=[my_model]))


@pytest.mark.parametrize("line", [line for line in SHOWN if line.startswith("harness run")])
def test_every_shown_run_makes_a_plan(harness, my_model, line):
    done = harness("plan", *shlex.split(line)[2:])
    assert done.returncode == 0, done.stderr


def test_every_shown_command_exists():
    assert {line.split()[1] for line in SHOWN} <= COMMANDS.keys()


def test_every_command_is_shown():
    assert {line.split()[1] for line in SHOWN} >= COMMANDS.keys()
