"""The process that checks, times or compiles kernels: cases come in as JSON, one event a line goes out.

A kernel that takes its process down takes only that: `("started", case)` says which one it was.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import torch

from harness.errors import HarnessError
from harness.kernels.benchmarking import measure
from harness.kernels.ceilings import measure_ceilings
from harness.kernels.checking import PROPERTIES, CheckResult, check
from harness.kernels.compilation import compile_case
from harness.kernels.costs import Ceilings
from harness.kernels.emulation import emulation_of, native
from harness.kernels.loading import load_kernel
from harness.kernels.running.cases import Case, Mode
from harness.kernels.subjects import Subject
from harness.registry import Registry, load_registry

EVERYWHERE = ("values", "keeps_inputs", "launches", "repeats")
"""What is checked at every size; the rest of PROPERTIES at the first size in each dtype, where it is the same code."""


def work(order: dict[str, Any], out: TextIO) -> None:
    """Carry out an order: `task` is check, compile, ceilings or bench; `cases` as in `cases.py`."""
    torch.set_num_threads(order["threads"])
    registry = load_registry([Path(file) for file in order["plugins"]])
    cases = [Case(**(case | {"mode": Mode(case["mode"])})) for case in order["cases"]]

    def tell(event: str, **content: Any) -> None:
        out.write(json.dumps({"event": event, **content}) + "\n")
        out.flush()

    if order["task"] == "bench":
        for event in measure(cases, registry, order["seconds"], Ceilings(**order["ceilings"])):
            tell(**event)
        return
    if order["task"] == "ceilings":
        tell("started", index=0)
        found = measure_ceilings(torch.device(cases[0].device), getattr(torch, cases[0].dtype))
        tell("ceilings", index=0, result=asdict(found))
        return
    for index, case in enumerate(cases):
        tell("started", index=index)
        if order["task"] == "compile":
            tell("compiled", index=index, result=compile_case(case, registry, order["archs"]))
        else:
            tell("checked", index=index, result=asdict(check_case(case, registry)))


def check_case(case: Case, registry: Registry) -> CheckResult:
    """All properties that apply to a kernel at one size."""
    properties = list(PROPERTIES) if case.number == 0 else EVERYWHERE
    if case.mode is Mode.SANITIZED:
        properties = ["values"]
    try:
        kernel = load_kernel(case.op, case.kernel, registry)
        sanitize = case.mode is Mode.SANITIZED
        emulation = native if case.mode is Mode.NATIVE else emulation_of(kernel.spec.backend, sanitize=sanitize)
    except HarnessError as error:
        return _failed(case, str(error), "")
    except Exception as error:
        return _failed(case, f"does not load: {error!r}", traceback.format_exc())
    subject = Subject(
        kernel=kernel,
        reference=registry.kernel(case.op, "reference").spec.implementation.load(),
        size=case.size,
        dtype=case.dtype,
        device=torch.device(case.device),
        seed=case.number,
        emulation=emulation,
    )
    return check(subject, properties)


def _failed(case: Case, reason: str, log: str) -> CheckResult:
    return CheckResult(
        op=case.op, kernel=case.kernel, size=case.size, dtype=case.dtype, status="error", reason=reason, log=log,
        passed=(), value_error=None, gradient_error=None, seconds=0.0,
    )  # fmt: skip


def main() -> None:
    """Take one order from standard input. What kernels print goes to standard error."""
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        work(json.loads(sys.stdin.read()), out)


if __name__ == "__main__":
    main()
