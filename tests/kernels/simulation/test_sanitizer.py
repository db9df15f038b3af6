"""The address sanitizer over kernels, in a process that was started for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from harness.errors import UsageError
from harness.kernels.cuda.simulation.sanitizer import sanitizer_environment
from harness.kernels.cuda.simulation.simulator import Simulator

pytestmark = pytest.mark.slow  # torch is imported once more, under the sanitizer

FOLDER = Path(__file__).parent
ENTRIES = ["store", "store_shared", "store_dynamic"]


@pytest.fixture(scope="module")
def said(toolchain: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What each launch said; importing torch takes longest, so that one process serves all."""
    folder = tmp_path_factory.mktemp("sanitized")
    cases = [f"{entry}:{at}" for entry in ENTRIES for at in (0, 1)]
    environment = {**os.environ, **sanitizer_environment(), "PYTHONPATH": str(FOLDER.parent)}
    subprocess.run([sys.executable, str(FOLDER / "sanitized.py"), str(folder), *cases], env=environment, check=True)
    return {case: (folder / case).read_text() for case in cases}


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_is_right_passes(said: dict[str, str], entry: str) -> None:
    assert said[f"{entry}:0"] == "nothing was found\n"


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_store_one_too_far_is_found_with_its_line(said: dict[str, str], entry: str) -> None:
    lines = (FOLDER / "memory.cu").read_text().splitlines()
    declared = next(number for number, text in enumerate(lines, 1) if f"void {entry}(" in text)
    stored = next(number for number, text in enumerate(lines, 1) if number >= declared and "[i + at] = 1" in text)

    assert "ERROR: AddressSanitizer" in said[f"{entry}:1"]
    assert f"memory.cu:{stored}" in said[f"{entry}:1"]


def test_without_its_environment_the_way_out_is_said(run: Callable[..., None]) -> None:
    with pytest.raises(UsageError, match="sanitizer_environment"):
        run("memory.cu", "store", [torch.zeros(32), 0], simulator=Simulator(sanitize=True))
