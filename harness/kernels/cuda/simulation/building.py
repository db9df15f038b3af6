"""From a `.cu` file to a shared object for this CPU, kept on disk by the content of all that decides about it.

Most of the time would go into reading CUDA's headers and compiling the simulator itself, so that both are done once for
each set of options.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import CompileError, HarnessError
from harness.kernels.cuda import caching
from harness.kernels.cuda.simulation.toolchain import HEADERS, Toolchain, describe_folder, find_toolchain
from harness.kernels.cuda.simulation.translation import translate
from harness.kernels.cuda.sources import INCLUDE, CudaSource

_HEADER = "simulator.h"
_RUNTIME = "runtime.o"


def build(source: CudaSource, entry: str, *, sanitize: bool) -> Path:
    """The shared object with one entry of a file, such as `scan<float, 4>`.

    Errors: CompileError with the compiler's log, KernelError for a declaration that the translation does not
    understand, UnsupportedError where g++ or CUDA's headers are missing.
    """
    toolchain = find_toolchain(sanitize=sanitize)
    folder = caching.default_folder().with_name("simulation")
    text = f'{translate(source.text, source.file)}\n#line 1 "{entry}"\nHARNESS_ENTRY({entry})\n'
    included = describe_folder(INCLUDE)
    path = folder / f"{_digest(toolchain.identity, included, text)}.so"
    if path.exists():
        return path

    runtime = _make_once(folder / _digest(toolchain.identity), lambda to: _compile_runtime(to, toolchain))
    shared = _make_once(folder / _digest(included), _translate_included)

    def compile_kernel(to: Path) -> None:
        # Messages have the name of the unit as it is given.
        unit, name = to.with_name(Path(source.file).name), f"{source.path}: {entry}"
        unit.write_text(text)
        options = [*toolchain.compiling, "-include", str(runtime / _HEADER), "-I", str(shared)]
        compiled = f"{to.name}.o"
        _run(toolchain, [*options, "-x", "c++", "-c", unit.name, "-o", compiled], unit.parent, name)
        _run(toolchain, [*toolchain.linking, compiled, str(runtime / _RUNTIME), "-o", to.name], unit.parent, name)

    return _make_once(path, compile_kernel)


def find_line(library: Path, offset: int) -> str:
    """`file:line: ` of an instruction, or nothing where the tool for it is missing."""
    tool = shutil.which("addr2line")
    if tool is None:
        return ""
    found = subprocess.run([tool, "-e", str(library), hex(offset)], capture_output=True, text=True, check=False).stdout
    line = found.split()[0] if found else "?"
    return "" if "?" in line else f"{Path(line).name}: "


def _compile_runtime(folder: Path, toolchain: Toolchain) -> None:
    folder.mkdir()
    # g++ takes `simulator.h.gch` in place of `simulator.h` where it fits, and reads the original where it does not.
    (folder / _HEADER).write_text(f'#include "{HEADERS / _HEADER}"\n')
    header = ["-x", "c++-header", str(HEADERS / _HEADER), "-o", f"{_HEADER}.gch"]
    units = [str(path) for path in sorted((HEADERS / "runtime").glob("*.cpp"))]
    for arguments in (header, ["-include", str(folder / _HEADER), "-r", "-nostdlib", *units, "-o", _RUNTIME]):
        _run(toolchain, [*toolchain.compiling, *arguments], folder, "the simulator itself")


def _translate_included(folder: Path) -> None:
    folder.mkdir()
    for path in INCLUDE.iterdir():
        if path.is_file():
            (folder / path.name).write_text(f'#line 1 "{path.name}"\n{translate(path.read_text(), path.name)}')


def _run(toolchain: Toolchain, arguments: Sequence[str], folder: Path, name: str) -> None:
    done = toolchain.run(arguments, folder)
    if done.returncode == 0:
        return
    first = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip()[:200])
    raise CompileError(
        f"{name} does not compile for the simulator: {first}; correct it, or give what only a device knows a twin "
        "under #ifdef HARNESS_SIMULATION (this error's log has all that g++ wrote)",
        done.stderr,
    )


def _make_once(path: Path, make: Callable[[Path], None]) -> Path:
    """The path, after `make` made what lies there; of two processes that do so at once either may win."""
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as scratch:
            made = Path(scratch) / path.name
            make(made)
            try:
                os.replace(made, path)
            except OSError:  # a folder does not replace one that another process put there
                if not path.exists():
                    raise
    except OSError as error:
        raise HarnessError(
            f"simulated kernels cannot be kept in {path.parent}: {error.strerror}; set HARNESS_CACHE to a folder that "
            "can be written"
        ) from error
    return path


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
