"""`auto` becomes a name, and what cannot be had here gets its reason, while planning: nothing chooses later."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Sequence
from functools import lru_cache

from harness.errors import UsageError
from harness.planning.extras import install_command
from harness.registry import Registry, suggest
from harness.specs import KernelSpec, ModelSpec


def resolve_kernels(
    requested: str, model: ModelSpec, device: str, registry: Registry, precision: str = "float32"
) -> tuple[dict[str, str], str]:
    """Which kernel each op of the model runs, and why the request cannot be met ("" if it can).

    `requested` is `auto`, a kernel's name for every op, or `op.kernel` (several joined by +), where the other ops take
    `auto`. A kernel that was asked for is never replaced by another.
    """
    pinned = dict(part.split(".", 1) for part in requested.split("+")) if "." in requested else {}
    for op in pinned:
        registry.ops[op]
    resolved: dict[str, str] = {}
    for op in model.ops:
        dtype = precision if precision in registry.ops[op].spec.tolerances else ""
        known = registry.kernels_of(op)
        name = pinned.get(op, "auto" if pinned else requested)
        if name == "auto":
            usable = [r.spec for r in known.values() if r.spec.auto_rank >= 0 and not unusable(r.spec, device, dtype)]
            if not usable:
                return resolved, f"op {op} has no kernel that runs on {device}" + (f" in {dtype}" if dtype else "")
            name = max(usable, key=lambda spec: spec.auto_rank).name
        resolved[op] = name
        if name not in known:
            return resolved, f"op {op} has no kernel {name!r}; {suggest(name, known)}"
        if reason := unusable(known[name].spec, device, dtype):
            return resolved, reason
    if not model.ops and requested != "auto":
        return resolved, f"{model.name} uses no op, so it has no kernel {requested!r}; use kernel=auto"
    if pinned and not pinned.keys() & set(model.ops):
        return resolved, f"{model.name} does not use {', '.join(pinned)}; its ops are {', '.join(model.ops)}"
    return resolved, ""


def unusable(kernel: KernelSpec, device: str, dtype: str = "") -> str:
    """Why a kernel cannot run on a device of this machine, or not in a dtype of its op; "" if it can."""
    name = f"kernel {kernel.op}.{kernel.name}"
    if device not in kernel.devices:
        return f"{name} runs on {' and '.join(kernel.devices)}, not on {device}"
    if dtype and kernel.dtypes and dtype not in kernel.dtypes:
        return f"{name} takes {', '.join(kernel.dtypes)}, not {dtype}"
    if missing := not_installed(kernel.requires, name):
        return missing
    if device == "cuda" and kernel.capability and (found := _capability()) < kernel.capability:
        return f"{name} needs compute capability {kernel.capability / 10:.1f}; this device has {found / 10:.1f}"
    return (kernel.unsupported.load()(device) or "") if kernel.unsupported is not None else ""


def resolve_device(requested: str) -> tuple[str, str]:
    """`auto` becomes cuda where torch can use it, else cpu; the second value says why a request cannot be met."""
    if requested not in ("auto", "cpu", "cuda"):
        raise UsageError(f"device={requested} is not known; {suggest(requested, ['auto', 'cpu', 'cuda'])}")
    if requested == "cpu":
        return "cpu", ""
    usable = _cuda_usable()
    if requested == "auto":
        return ("cuda" if usable else "cpu"), ""
    return "cuda", "" if usable else "device=cuda: torch sees no CUDA device on this machine; use device=cpu"


def resolve_precision(requested: str, device: str) -> str:
    """`auto` is bfloat16 by autocast where the device computes faster in it, which every supported GPU does."""
    if requested != "auto":
        return requested
    return "bfloat16" if device == "cuda" else "float32"


@lru_cache(maxsize=1)
def _cuda_usable() -> bool:
    if importlib.metadata.version("torch").endswith("+cpu"):
        return False
    from harness.devices import cuda_usable

    return cuda_usable()


@lru_cache(maxsize=1)
def _capability() -> int:
    from harness.devices import compute_capability

    return compute_capability()


def not_installed(requires: Sequence[str], name: str) -> str:
    """Why something that requires these modules cannot be used here, and what installs them; "" if it can."""
    missing = [module for module in requires if not _importable(module)]
    if not missing:
        return ""
    return f"{name} needs {', '.join(missing)}, which is not installed; {install_command(missing) or 'install it'}"


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        # A package above it is missing.
        return False
