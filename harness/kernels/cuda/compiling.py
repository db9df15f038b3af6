"""`.cu` text compiled by NVRTC, which needs no GPU, no driver, no nvcc and no compiler for the host."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass
from functools import cached_property

from harness.errors import CompileError, UnsupportedError
from harness.kernels.cuda import caching
from harness.kernels.cuda.parameters import parameter_sizes
from harness.kernels.cuda.resources import Resources, parse_resources
from harness.kernels.cuda.sources import INCLUDE, CudaSource

# Fast-math is not among the options: a kernel chooses fast intrinsics where its error allows them.
_STANDARD = "c++17"
_PTXAS = ["-v"]


@dataclass(frozen=True)
class Compiled:
    """A kernel for one architecture: a cubin, the kernel's mangled name in it, all that the compiler wrote."""

    source: CudaSource
    entry: str
    arch: str
    cubin: bytes
    symbol: str
    log: str

    @cached_property
    def resources(self) -> Resources:
        return parse_resources(self.log, self.symbol)

    @cached_property
    def parameter_sizes(self) -> tuple[int, ...] | None:
        """The bytes of each parameter; None where this compiler does not tell."""
        return parameter_sizes(self.cubin, self.symbol)


def compile_entry(source: CudaSource, entry: str, arch: str) -> Compiled:
    """Compile a `__global__` function, or an instance of a template, for an architecture such as `sm_90`.

    What was compiled before is read from disk. Errors: CompileError with the compiler's log, UnsupportedError where
    NVRTC or the CUDA headers are not installed.
    """
    headers = _find_headers()
    folder, key = caching.default_folder(), _key(source, entry, arch, headers)
    program = caching.read_program(folder, key)
    if program is None:
        program = _compile(source, entry, arch, headers)
        caching.write_program(folder, key, program)
    return Compiled(source, entry, arch, program.cubin, program.symbol, program.log)


def _compile(source: CudaSource, entry: str, arch: str, headers: str) -> caching.Program:
    try:
        from cuda.core import Program, ProgramOptions
    except ImportError as error:
        raise _missing("cuda-core", error) from error

    log = io.StringIO()
    options = ProgramOptions(
        name=source.file, arch=arch, std=_STANDARD, ptxas_options=_PTXAS, include_path=[str(INCLUDE), headers]
    )
    try:
        compiled = Program(source.text, "c++", options).compile("cubin", name_expressions=(entry,), logs=log)
    except Exception as error:  # cuda-core's own error is not public; its text is the compiler's log
        raise _failure(source, entry, arch, f"{_text(log)}{error}") from error
    cubin = bytes(compiled.code)
    if not cubin:
        # NVRTC says nothing when it is asked for code of a virtual architecture, such as compute_90.
        raise _failure(source, entry, arch, f"{_text(log)}error: there is no code for {arch}; name a real one: sm_90")
    return caching.Program(cubin=cubin, symbol=compiled.symbol_mapping[entry].decode(), log=_text(log))


def _text(log: io.StringIO) -> str:
    """Without the zeros that end each part."""
    return log.getvalue().replace("\0", "")


def _failure(source: CudaSource, entry: str, arch: str, log: str) -> CompileError:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    first = next((line for line in lines if "error" in line and "NVRTC_ERROR" not in line), lines[0])
    return CompileError(
        f"{source.path}: {entry} does not compile for {arch}: {first}; correct the kernel (this error's log has all "
        "that the compiler wrote)",
        log,
    )


def _key(source: CudaSource, entry: str, arch: str, headers: str) -> str:
    """A digest of all that decides what the compiler makes."""
    try:
        from cuda.bindings import nvrtc

        _, *version = nvrtc.nvrtcVersion()
    except (ImportError, RuntimeError) as error:  # the first call loads the library
        raise _missing("NVRTC", error) from error
    shared = {path.relative_to(INCLUDE).as_posix(): path.read_text() for path in sorted(INCLUDE.glob("*.*"))}
    parts = [source.file, source.text, shared, entry, arch, _STANDARD, _PTXAS, headers, version]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _find_headers() -> str:
    try:
        from cuda.pathfinder import find_nvidia_header_directory
    except ImportError as error:
        raise _missing("cuda-core", error) from error
    headers: str | None = find_nvidia_header_directory("cudart")
    if headers is None:
        raise _missing("the CUDA headers (cuda_runtime.h)", None)
    return headers


def _missing(what: str, error: Exception | None) -> UnsupportedError:
    reason = f" ({error})" if error else ""
    return UnsupportedError(
        f"CUDA kernels are compiled when first used, which needs {what}, not found here{reason}; "
        "install it with pip install 'arch-harness[cuda]'"
    )
