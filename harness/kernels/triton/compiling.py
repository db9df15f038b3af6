"""Triton kernels compiled ahead of time, on machines without a GPU too.

A kernel is compiled as the runtime would compile it for the arguments that it was launched with. This needs a process
where Triton's interpreter has not been turned on.
"""

from __future__ import annotations

import inspect
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from harness.errors import CompileError, UnsupportedError, UsageError
from harness.kernels.triton.launching import TritonLaunch

_TYPES = {
    torch.bool: "u1",
    torch.int8: "i8",
    torch.int16: "i16",
    torch.int32: "i32",
    torch.int64: "i64",
    torch.uint8: "u8",
    torch.float16: "fp16",
    torch.bfloat16: "bf16",
    torch.float32: "fp32",
    torch.float64: "fp64",
}
_DIVISIBLE = [["tt.divisibility", 16]]
_WARP = 32
_RESOURCES = re.compile(r"REG:(\d+) STACK:(\d+) SHARED:\d+ LOCAL:(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Specialization:
    """What the runtime compiles a kernel for: a type for each parameter, the values that are built in, and which
    parameters (by their place) are known to be divisible by 16."""

    signature: dict[str, str]
    constants: dict[str, Any]
    attributes: dict[tuple[int, ...], list[list[Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledLaunch:
    """A kernel for one architecture, such as 90: what a thread takes (spills are in its stack), what a block shares."""

    launch: TritonLaunch
    arch: int
    specialization: Specialization
    cubin: bytes
    ptx: str
    registers: int
    stack_bytes: int
    local_bytes: int
    shared_bytes: int


def compile_recorded(launches: Sequence[TritonLaunch], archs: Sequence[int]) -> list[CompiledLaunch]:
    """Compile each distinct kernel among the launches for each of the architectures, such as `[80, 90, 100]`.

    Kernels are distinct by function, specialization, warps and stages. Errors: CompileError with Triton's message.
    """
    distinct = {}
    for launch in launches:
        specialization = specialize(launch)
        distinct[launch.name, repr(specialization), launch.num_warps, launch.num_stages] = launch, specialization
    return [_compile(launch, special, arch) for launch, special in distinct.values() for arch in archs]


def specialize(launch: TritonLaunch) -> Specialization:
    """What the runtime would compile for these arguments. Memory is taken to be aligned as allocators align it."""
    from triton.runtime.jit import JITFunction

    kernel = launch.kernel
    if not isinstance(kernel, JITFunction):
        raise UsageError(
            f"{launch.name} was made while TRITON_INTERPRET was set, so there is nothing to compile; compile in a "
            "process without TRITON_INTERPRET"
        )
    try:
        bound = inspect.signature(launch.kernel.fn).bind(*launch.arguments, **launch.constants)
    except TypeError as error:
        raise UsageError(f"{launch.name}: {error}; pass its parameters in order, then its constants by name") from error
    bound.apply_defaults()
    signature: dict[str, str] = {}
    constants: dict[str, Any] = {}
    attributes: dict[tuple[int, ...], list[list[Any]]] = {}
    for parameter in kernel.params:
        value = bound.arguments[parameter.name]
        signature[parameter.name], is_divisible = _type(launch, parameter, value)
        if signature[parameter.name] == "constexpr":
            constants[parameter.name] = value
        elif is_divisible:
            attributes[parameter.num,] = _DIVISIBLE
    return Specialization(signature=signature, constants=constants, attributes=attributes)


def _type(launch: TritonLaunch, parameter: Any, value: Any) -> tuple[str, bool]:
    """The type that a parameter has for this value, and whether the value is known to be divisible by 16."""
    if parameter.is_constexpr or value is None:
        return "constexpr", False
    if isinstance(value, Tensor):
        if value.dtype not in _TYPES:
            raise UsageError(f"{launch.name}: {parameter.name} has dtype {value.dtype}, which kernels here do not take")
        offset = int(value.storage_offset()) * value.element_size()
        return parameter.annotation_type or f"*{_TYPES[value.dtype]}", _is_divisible(parameter, offset)
    if isinstance(value, bool):
        return parameter.annotation_type or "u1", False
    if isinstance(value, float):
        return parameter.annotation_type or "fp32", False
    if isinstance(value, int):
        if value == 1 and not parameter.do_not_specialize and not parameter.annotation_type:
            return "constexpr", False
        small = -(2**31) <= value < 2**31
        large = "i64" if value < 2**63 else "u64"
        return parameter.annotation_type or ("i32" if small else large), _is_divisible(parameter, value)
    raise UsageError(f"{launch.name}: {parameter.name} is a {type(value).__qualname__}; pass tensors, numbers or None")


def _is_divisible(parameter: Any, value: int) -> bool:
    return value % 16 == 0 and not parameter.do_not_specialize and not parameter.do_not_specialize_on_alignment


def _compile(launch: TritonLaunch, specialization: Specialization, arch: int) -> CompiledLaunch:
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    source = ASTSource(
        fn=launch.kernel,
        signature=specialization.signature,
        constexprs=specialization.constants,
        attrs=specialization.attributes,
    )
    options = {"num_warps": launch.num_warps, "num_stages": launch.num_stages}
    try:
        compiled = triton.compile(source, target=GPUTarget("cuda", arch, _WARP), options=options)
    except Exception as error:  # Triton's stages fail with errors of many kinds
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__qualname__]
        raise CompileError(
            f"{launch.name} does not compile for sm_{arch} with {specialization.signature}: {lines[-1]}; correct the "
            "kernel (this error's log has all of Triton's message)",
            str(error),
        ) from error
    cubin = compiled.asm["cubin"]
    registers, stack_bytes, local_bytes = _resources(cubin)
    return CompiledLaunch(
        launch=launch,
        arch=arch,
        specialization=specialization,
        cubin=cubin,
        ptx=compiled.asm["ptx"],
        registers=registers,
        stack_bytes=stack_bytes,
        local_bytes=local_bytes,
        shared_bytes=compiled.metadata.shared,
    )


def _resources(cubin: bytes) -> tuple[int, int, int]:
    """A thread's registers, stack bytes and local bytes."""
    import triton

    program = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    if not program.exists():
        raise UnsupportedError(f"{program} is missing, which tells what a cubin takes; install Triton from its wheel")
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        answer = subprocess.run(
            [program, "--dump-resource-usage", file.name], capture_output=True, text=True, check=False
        )
    found = _RESOURCES.search(answer.stdout)
    if found is None:
        raise CompileError(
            f"{program} does not tell what a kernel takes: {answer.stderr.strip() or answer.stdout.strip()}; "
            "use Triton 3.7, whose answers are known",
            answer.stdout + answer.stderr,
        )
    registers, stack_bytes, local_bytes = map(int, found.groups())
    return registers, stack_bytes, local_bytes
