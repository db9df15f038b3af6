"""Ahead-of-time compilation cannot share a process with the interpreter, so its tests have their own."""

from __future__ import annotations

from collections.abc import Callable
from subprocess import CompletedProcess

from kernel_requirements import needs_compilers

pytestmark = needs_compilers


def test_compiled_kernels(run_alone: Callable[..., CompletedProcess[str]]) -> None:
    result = run_alone("compiled.py", interpret=False)
    assert result.returncode == 0, result.stdout + result.stderr
