"""The interpreter is chosen when a process starts, so its tests have a process of their own."""

from __future__ import annotations

from collections.abc import Callable
from subprocess import CompletedProcess

from kernel_requirements import needs_triton

pytestmark = needs_triton


def test_interpreted_kernels(run_alone: Callable[..., CompletedProcess[str]]) -> None:
    result = run_alone("interpreted.py", interpret=True)
    assert result.returncode == 0, result.stdout + result.stderr
