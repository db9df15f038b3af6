"""Compilations carried out in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness.kernels.running.cases import Case, Mode, Selection
from harness.kernels.running.processes import at_once, how_it_ended, run_cases
from harness.registry import Registry
from harness.specs import Backend


def compile_cases(selection: Selection, registry: Registry) -> list[Case]:
    """Every chosen Triton and CUDA kernel in each dtype, at the sizes at which it is timed on a GPU."""
    cases = []
    for op in (registry.ops[name].spec for name in selection.ops):
        specs = [registered.spec for registered in registry.kernels_of(op.name).values()]
        for kernel in specs:
            if kernel.backend not in (Backend.TRITON, Backend.CUDA) or not selection.wants(kernel):
                continue
            timed = [benchmark.size for benchmark in op.benchmarks if benchmark.device == "cuda"]
            sizes = [(size, dtype) for dtype in selection.dtypes_of(op, kernel) for size in timed or op.sizes]
            cases += [
                Case(op=op.name, kernel=kernel.name, size=size, number=number, dtype=dtype, device="cpu",
                     mode=Mode.NATIVE)
                for number, (size, dtype) in enumerate(sizes)
            ]  # fmt: skip
    return cases


def run_compilations(
    cases: Sequence[Case], plugins: Sequence[Path], archs: Sequence[str], jobs: int
) -> Iterator[tuple[Case, dict[str, Any]]]:
    """Compile in `jobs` processes at a time; yields each case with its result as it comes."""
    parts = [list(cases[part::jobs]) for part in range(min(jobs, len(cases)))]
    orders = [partial(run_cases, "compile", part, Mode.NATIVE, plugins, 1, archs=list(archs)) for part in parts]
    for event in at_once(orders, jobs):
        if event.event == "compiled":
            yield event.case, dict(event.content["result"])
        elif event.event == "died":
            yield (
                event.case,
                {
                    "status": "crashed",
                    "reason": f"the compiling process ended with {how_it_ended(event)}",
                    "log": event.content["log"],
                    "compilations": [],
                },
            )
