"""One text for one meaning: canonical JSON, and digests of values and sources."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SOURCE_SUFFIXES = {".py", ".cu", ".cuh", ".cpp", ".h"}


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces; refuses NaN and what JSON has no form for."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def source_digest(paths: Iterable[Path]) -> str:
    """SHA-256 over names and contents of source files; a folder stands for the sources below it."""
    total = hashlib.sha256()
    for path in sorted(paths):
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.suffix in SOURCE_SUFFIXES)
        for file in files:
            total.update(f"{file.relative_to(path.parent)}\0".encode())
            total.update(file.read_bytes())
            total.update(b"\0")
    return total.hexdigest()
