"""Compiled kernels on disk, by the content of what they were compiled from."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError
from harness.folders import cache_folder


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What the compiler made: the program for the device, the kernel's name in it, and all that was written."""

    cubin: bytes
    symbol: str
    log: str


def default_folder() -> Path:
    """The user's own folder, shared by all processes."""
    return cache_folder() / "cuda"


def read_program(folder: Path, key: str) -> Program | None:
    """What was kept under this key, or None: also where it is damaged, for it can be made again."""
    try:
        cubin = _cubin(folder, key).read_bytes()
        described = json.loads(_description(folder, key).read_bytes())
        program = Program(cubin=cubin, symbol=described["symbol"], log=described["log"])
        return program if described["digest"] == _digest(program) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_program(folder: Path, key: str, program: Program) -> None:
    """Keep this under the key; of two processes that do so at once, either may win, and no reader sees half a file."""
    described = {"symbol": program.symbol, "log": program.log, "digest": _digest(program)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _replace(_cubin(folder, key), program.cubin)
        _replace(_description(folder, key), json.dumps(described, indent=1).encode())
    except OSError as error:
        raise HarnessError(
            f"compiled kernels cannot be kept in {folder}: {error.strerror}; set HARNESS_CACHE to a folder that can be "
            "written"
        ) from error


def _cubin(folder: Path, key: str) -> Path:
    return folder / f"{key}.cubin"


def _description(folder: Path, key: str) -> Path:
    return folder / f"{key}.json"


def _digest(program: Program) -> str:
    """Over both files: a pair of which two processes wrote one each is damaged too."""
    return hashlib.sha256(b"\0".join([program.symbol.encode(), program.log.encode(), program.cubin])).hexdigest()


def _replace(path: Path, content: bytes) -> None:
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
