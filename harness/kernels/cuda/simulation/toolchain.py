"""What kernels are built with for the simulator: g++, CUDA's headers, and the options."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UnsupportedError

HEADERS = Path(__file__).parent
"""The simulator's own headers."""

# C++17 as on the device. Products and sums stay apart, so that every CPU computes the same bits.
_OPTIONS = "-std=c++17 -O1 -g1 -fPIC -fvisibility=hidden -fno-strict-aliasing -ffp-contract=off -w"
# What faults.h has an answer to; nothing of the compiler's own library for them is linked.
_CHECKS = "-fsanitize=alignment,bounds,integer-divide-by-zero,null"
_ADDRESSES = "-fsanitize=address"


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """A compiler with its options; `identity` changes whenever what it makes may change."""

    compiler: str
    compiling: tuple[str, ...]
    linking: tuple[str, ...]
    identity: str

    def run(self, arguments: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
        # What was preloaded into this process is not meant for the compiler.
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        command = [self.compiler, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)


@functools.cache
def find_toolchain(*, sanitize: bool) -> Toolchain:
    """What is installed here; an UnsupportedError says what is missing."""
    compiler, headers = find_compiler(), _find_headers()
    sanitizers = [_ADDRESSES] if sanitize else []
    options = [*_OPTIONS.split(), _CHECKS, *sanitizers]
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
    described = "\n".join([platform.machine(), version, *options, describe_folder(HEADERS), _describe_cuda(headers)])
    return Toolchain(
        compiler=compiler,
        compiling=(*options, "-I", str(HEADERS), "-isystem", str(headers)),
        linking=("-shared", *sanitizers),
        identity=hashlib.sha256(described.encode()).hexdigest(),
    )


def describe_folder(folder: Path) -> str:
    """The files of a folder with their contents, for a digest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc"))
    return "\n".join(f"{path.relative_to(folder).as_posix()}\n{path.read_text()}" for path in files)


def find_compiler() -> str:
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
        raise UnsupportedError(
            f"kernels are simulated on Linux with x86-64 or aarch64; this is {sys.platform} with {platform.machine()}; "
            "run the check there"
        )
    compiler = shutil.which("g++")
    if compiler is None:
        raise UnsupportedError("kernels are simulated after g++ compiled them; it is not found here; install g++ >= 9")
    return compiler


def _find_headers() -> Path:
    try:
        from cuda.pathfinder import find_nvidia_header_directory
    except ImportError:
        folder = None
    else:
        folder = find_nvidia_header_directory("cudart")
    if folder is None:
        raise UnsupportedError(
            "kernels are simulated with CUDA's headers (cuda_fp16.h), not found here; "
            "install them with pip install 'arch-harness[cuda]'"
        )
    return Path(folder)


def _describe_cuda(folder: Path) -> str:
    """The headers are large; their version is written in one of them."""
    version = [line for line in (folder / "cuda.h").read_text().splitlines() if "define CUDA_VERSION" in line]
    return "\n".join([str(folder), *version])
