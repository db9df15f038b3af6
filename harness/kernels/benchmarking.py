"""The kernels of an op timed against each other at one size, each only after it was held to its definition."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import torch

from harness.errors import CompileError, HarnessError, UnsupportedError
from harness.kernels.comparing import make_arguments, placed
from harness.kernels.costs import Ceilings, Costs, floor
from harness.kernels.gate import check_kernel
from harness.kernels.loading import Kernel, load_kernel
from harness.kernels.passes import PASSES, call_of, work_of
from harness.kernels.running.cases import Case
from harness.kernels.timing import Call, Enough, Timing, compare, graphed, interleaved, precise, told
from harness.registry import Registry

PRECISION = 0.03
MOST_ROUNDS = 400


def measure(cases: Sequence[Case], registry: Registry, seconds: float, ceilings: Ceilings) -> Iterator[dict[str, Any]]:
    """Gate the kernels of one benchmark, time those that pass against each other, and yield an event for each.

    Events are `started`, `failed` (status, reason, log) and `measured` (one result for each pass).
    """
    first = cases[0]
    op = registry.ops[first.op].spec
    device = torch.device(first.device)
    kernels: dict[int, Kernel] = {}
    for index, case in enumerate(cases):
        yield {"event": "started", "index": index}
        status, reason, log = "ok", "", ""
        try:
            kernel = load_kernel(case.op, case.kernel, registry)
            if failure := check_kernel(kernel, registry, device, case.dtype):
                status, reason = "failed_check", failure
            else:
                kernels[index] = kernel
        except Exception as error:
            status, reason, log = classify(error)
        if status != "ok":
            yield {"event": "failed", "index": index, "status": status, "reason": reason, "log": log}
    arguments = placed(make_arguments(op, first.size, 0, first.dtype), device)
    costs: Costs | None = op.costs.load()(*arguments) if op.costs is not None else None
    baseline = op.benchmarks[first.number].baseline
    results: dict[int, list[dict[str, Any]]] = {index: [] for index in kernels}
    for name in PASSES:
        calls: dict[int, Call] = {}
        for index, kernel in list(kernels.items()):
            if name != "forward" and not kernel.spec.differentiable:
                continue
            try:
                call = call_of(kernel.function, arguments, name)
                call()
            except Exception as error:
                status, reason, log = classify(error)
                yield {"event": "failed", "index": index, "status": status, "reason": reason, "log": log}
                del kernels[index], results[index]
                continue
            calls[index] = call
        if not calls:
            continue
        named = {str(index): call for index, call in calls.items()}
        compared = next((str(index) for index in calls if cases[index].kernel == baseline), None)
        times = interleaved(named, device, seconds * len(calls), enough=_enough(compared), most_rounds=MOST_ROUNDS)
        against = None if compared is None else times[compared]
        for index, call in calls.items():
            result = _result(name, times[str(index)], against, baseline, costs, ceilings)
            if device.type == "cuda":
                result |= _on_gpu(call, seconds)
            results[index].append(result)
        del calls
    for index, found in results.items():
        yield {"event": "measured", "index": index, "results": found}


def classify(error: Exception) -> tuple[str, str, str]:
    """Status, reason and log of what a kernel raised."""
    if isinstance(error, UnsupportedError):
        return "unsupported", str(error), ""
    if isinstance(error, CompileError):
        return "error", str(error), error.log
    if isinstance(error, HarnessError):
        return "error", str(error), ""
    status = "out_of_memory" if isinstance(error, torch.OutOfMemoryError | MemoryError) else "error"
    return status, f"{type(error).__name__}: {str(error).strip()[:500]}", traceback.format_exc()


def _enough(baseline: str | None) -> Enough:
    """Medians are known to 3%, and so is which calls are faster than the baseline, where there is one."""
    known = precise(PRECISION)
    if baseline is None:
        return known
    compared = told(baseline)
    return lambda samples, left_out: known(samples, left_out) and compared(samples, left_out)


def _result(
    name: str, times: Timing, against: Timing | None, baseline: str, costs: Costs | None, ceilings: Ceilings
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "pass": name, "p10": times.p10, "p50": times.p50, "p90": times.p90, "n": len(times.samples),
    }  # fmt: skip
    if against is not None:
        result |= {"baseline": baseline} | asdict(compare(times, against))
    if costs is not None:
        work = work_of(costs, name)
        least, term = floor(work, ceilings)
        result |= {
            "floor": least,
            "floor_term": term,
            "times_floor": times.p50 / least,
            "bytes_per_second": work.bytes / times.p50,
            "flops_per_second": (work.flops + work.matrix_flops) / times.p50,
        }
    return result


def _on_gpu(call: Call, seconds: float) -> dict[str, Any]:
    """Time without the CPU's share of the launches, and the memory that a call takes at most beyond its inputs."""
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    call()
    torch.cuda.synchronize()
    result: dict[str, Any] = {"peak_memory_bytes": torch.cuda.max_memory_allocated() - before}
    times = graphed(call, seconds / 4)
    return result | ({} if times is None else {"graph_p50": times.p50})
