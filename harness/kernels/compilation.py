"""Kernels compiled for GPUs that need not be here, and held to what they may take of a multiprocessor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from harness.errors import CompileError, HarnessError
from harness.kernels.cuda import recording as cuda_recording
from harness.kernels.cuda import sources
from harness.kernels.loading import Kernel, load_kernel
from harness.kernels.operators import Operator
from harness.kernels.running.cases import Case
from harness.kernels.triton import launching
from harness.kernels.triton import recording as triton_recording
from harness.registry import Registry
from harness.specs import Backend, ResourceLimits

ARCHITECTURES = ("sm_80", "sm_90", "sm_100")


@dataclass(frozen=True, kw_only=True, slots=True)
class Compilation:
    """A kernel's code for one architecture. `excess` says what it takes too much of, "" if nothing."""

    entry: str
    arch: str
    registers: int
    spill_bytes: int
    shared_bytes: int
    excess: str


def compile_case(case: Case, registry: Registry, archs: Sequence[str] = ARCHITECTURES) -> dict[str, Any]:
    """Compile everything that a kernel launches at a size, forward and backward, for each architecture.

    Nothing is computed: launches are recorded from tensors without data. Returns `status`, `reason`, `log` and
    `compilations`.
    """
    found: list[Compilation] = []
    status, reason, log = "ok", "", ""
    try:
        kernel = load_kernel(case.op, case.kernel, registry)
        found = list(_compiled(kernel, case, archs))
        if excess := [f"{item.entry} on {item.arch}: {item.excess}" for item in found if item.excess]:
            status, reason = "failed_check", "; ".join(excess)
        elif not found:
            status, reason = "failed_check", "no kernel was started; something else computes the result"
    except CompileError as error:
        status, reason, log = "error", str(error), error.log
    except HarnessError as error:
        status, reason = "error", str(error)
    return {"status": status, "reason": reason, "log": log, "compilations": [asdict(item) for item in found]}


def _compiled(kernel: Kernel, case: Case, archs: Sequence[str]) -> Iterator[Compilation]:
    cuda, triton = cuda_recording.Recorder(), triton_recording.Recorder()
    assert isinstance(kernel.function, Operator)
    with FakeTensorMode(), sources.launching_with(cuda), launching.launching_with(triton):
        generator = torch.Generator().manual_seed(0)
        arguments = kernel.op.make_inputs.load()(case.size, generator, getattr(torch, case.dtype))
        kernel.function.run_parts([value.detach() if isinstance(value, torch.Tensor) else value for value in arguments])
    if kernel.spec.backend is Backend.CUDA:
        for item in cuda_recording.compile_recorded(cuda, archs):
            resources = item.resources
            spilled = resources.spill_store_bytes + resources.spill_load_bytes
            yield _held(
                kernel.spec.resources, item.compiled.entry, item.compiled.arch, resources.registers, spilled,
                item.shared_bytes,
            )  # fmt: skip
        return
    # Triton, which need not be installed, is imported where its kernels are compiled.
    from harness.kernels.triton.compiling import compile_recorded

    for compiled in compile_recorded(triton.recorded, [int(arch.removeprefix("sm_")) for arch in archs]):
        yield _held(
            kernel.spec.resources, compiled.launch.name, f"sm_{compiled.arch}", compiled.registers,
            max(compiled.local_bytes, compiled.stack_bytes), compiled.shared_bytes,
        )  # fmt: skip


def _held(
    limits: ResourceLimits, entry: str, arch: str, registers: int, spill_bytes: int, shared_bytes: int
) -> Compilation:
    excess = [
        f"{taken} {what}, {limit} allowed"
        for what, taken, limit in (
            ("registers", registers, limits.registers),
            ("bytes spilled", spill_bytes, limits.spill_bytes),
            ("bytes of shared memory", shared_bytes, limits.shared_bytes),
        )
        if taken > limit
    ]
    return Compilation(
        entry=entry, arch=arch, registers=registers, spill_bytes=spill_bytes, shared_bytes=shared_bytes,
        excess=", ".join(excess),
    )  # fmt: skip
