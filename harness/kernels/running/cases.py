"""What a command of `harness kernels` works through: which kernels, at which sizes, in which dtypes, where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from harness.errors import UsageError
from harness.planning.overrides import Override, parse_overrides
from harness.planning.resolution import resolve_device, unusable
from harness.registry import Registry, suggest
from harness.specs import Backend, KernelSpec, OpSpec

SELECTORS = ("op", "kernel", "dtype", "device")


class Mode(StrEnum):
    """In which kind of process a case is worked on."""

    NATIVE = "native"
    SIMULATED = "simulated"
    SANITIZED = "sanitized"
    INTERPRETED = "interpreted"


EMULATED = {Backend.CUDA: Mode.SIMULATED, Backend.TRITON: Mode.INTERPRETED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """A kernel of an op at one size in one dtype; `unsupported` says why it cannot run here.

    `number` is the place of the size among those of the op: the first of a dtype is checked the most thoroughly.
    """

    op: str
    kernel: str
    size: Mapping[str, Any]
    number: int
    dtype: str
    device: str
    mode: Mode
    unsupported: str = ""

    @property
    def label(self) -> str:
        options = " ".join(f"{name}={value}" for name, value in self.size.items())
        return f"{self.op}.{self.kernel} {self.dtype} {options}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Selection:
    """What was asked for; an empty tuple means all."""

    ops: tuple[str, ...]
    kernels: tuple[str, ...]
    dtypes: tuple[str, ...]
    device: str

    def wants(self, kernel: KernelSpec) -> bool:
        return kernel.op in self.ops and (not self.kernels or kernel.name in self.kernels)

    def dtypes_of(self, op: OpSpec, kernel: KernelSpec) -> tuple[str, ...]:
        """Those of the kernel; a definition is what half precision is measured by, and is not measured there itself."""
        known = [name for name in op.tolerances if not kernel.dtypes or name in kernel.dtypes]
        if kernel.name == "reference":
            known = [name for name in known if name in ("float32", "float64")]
        return tuple(name for name in known if not self.dtypes or name in self.dtypes)


def select_kernels(arguments: Sequence[str], registry: Registry) -> Selection:
    """Parse `op=`, `kernel=`, `dtype=` and `device=`. Raises UsageError for what does not exist."""
    overrides = {override.dotted: override for override in parse_overrides(arguments)}
    for name in overrides:
        if name not in SELECTORS:
            raise UsageError(f"{name}= is not an option of `harness kernels`; {suggest(name, SELECTORS)}")
    ops = _names(overrides.get("op")) or tuple(registry.ops.names())
    for op in ops:
        registry.ops[op]
    kernels = _names(overrides.get("kernel"))
    known = {spec.name for spec in registry.kernels.specs() if spec.op in ops}
    for name in kernels:
        if name not in known:
            raise UsageError(f"kernel={name}: none of {', '.join(ops)} has it; {suggest(name, known)}")
    dtypes = _names(overrides.get("dtype"))
    known_dtypes = {name for op in ops for name in registry.ops[op].spec.tolerances}
    for name in dtypes:
        if name not in known_dtypes:
            raise UsageError(f"dtype={name}: none of {', '.join(ops)} has it; {suggest(name, known_dtypes)}")
    asked = _names(overrides.get("device")) or ("auto",)
    device, reason = resolve_device(asked[0])
    if reason or len(asked) > 1:
        raise UsageError(reason or f"device={','.join(asked)}: one device is expected")
    return Selection(ops=ops, kernels=kernels, dtypes=dtypes, device=device)


def check_cases(
    selection: Selection, registry: Registry, *, emulate: bool = False, sanitize: bool = False, quick: bool = False
) -> list[Case]:
    """Every chosen kernel at every size of its op, in each of its dtypes.

    With `emulate`, kernels for a GPU run in Triton's interpreter or the simulator; without, those that cannot run on
    the device are there with the reason. With `sanitize`, only the simulated ones, with bounds of memory watched. With
    `quick`, only at the sizes that every trial is held to.
    """
    cases = []
    for op in (registry.ops[name].spec for name in selection.ops):
        for kernel in _chosen(op, selection, registry):
            mode = EMULATED.get(kernel.backend, Mode.NATIVE) if emulate or sanitize else Mode.NATIVE
            if sanitize:
                if mode is not Mode.SIMULATED:
                    continue
                mode = Mode.SANITIZED
            reason = unusable(kernel, selection.device) if mode is Mode.NATIVE else ""
            for dtype in selection.dtypes_of(op, kernel):
                cases += [
                    Case(op=op.name, kernel=kernel.name, size=size, number=number, dtype=dtype,
                         device=selection.device if mode is Mode.NATIVE else "cpu", mode=mode, unsupported=reason)
                    for number, size in enumerate(op.sizes if quick else (*op.sizes, *op.check_sizes))
                ]  # fmt: skip
    return cases


def benchmark_cases(selection: Selection, registry: Registry) -> list[list[Case]]:
    """For each benchmark of the chosen ops on the device, its kernels: they are timed against each other."""
    groups = []
    for op in (registry.ops[name].spec for name in selection.ops):
        for number, benchmark in enumerate(op.benchmarks):
            if benchmark.device != selection.device or (selection.dtypes and benchmark.dtype not in selection.dtypes):
                continue
            group = []
            for kernel in _chosen(op, selection, registry, keep=benchmark.baseline):
                reason = unusable(kernel, selection.device)
                if kernel.name in benchmark.without:
                    reason = f"kernel {op.name}.{kernel.name} is left out: it cannot finish at this size"
                elif kernel.dtypes and benchmark.dtype not in kernel.dtypes:
                    reason = f"kernel {op.name}.{kernel.name} takes {', '.join(kernel.dtypes)}, not {benchmark.dtype}"
                group.append(
                    Case(op=op.name, kernel=kernel.name, size=benchmark.size, number=number, dtype=benchmark.dtype,
                         device=selection.device, mode=Mode.NATIVE, unsupported=reason)
                )  # fmt: skip
            groups.append(group)
    return groups


def _chosen(op: OpSpec, selection: Selection, registry: Registry, keep: str = "") -> list[KernelSpec]:
    """The op's kernels that were asked for, the definition first; `keep` is there in any case."""
    specs = [registered.spec for registered in registry.kernels_of(op.name).values()]
    found = [spec for spec in specs if selection.wants(spec) or spec.name == keep]
    return sorted(found, key=lambda spec: (spec.name != "reference", spec.auto_rank, spec.name))


def _names(override: Override | None) -> tuple[str, ...]:
    if override is None:
        return ()
    wrong = [value for value in override.values if not isinstance(value, str)]
    if wrong:
        raise UsageError(f"{override.text}: {wrong[0]!r} is not a name; `harness kernels list` shows the names")
    return tuple(override.values)
