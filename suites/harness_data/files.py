"""Local files: which there are, what they hold, and a text that changes when they do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from harness.errors import DataError, MissingDataError


def given_folder(folder: str, needed: str) -> Path:
    """The folder that an option names. Raises MissingDataError with what is `needed` when it is empty or names none."""
    if not folder:
        raise MissingDataError(f"no folder is given; {needed}; give it with the option folder")
    if not Path(folder).is_dir():
        raise MissingDataError(f"{folder} does not exist or is no folder; {needed}; give one that does")
    return Path(folder)


def list_files(root: Path, suffix: str = "") -> list[Path]:
    """The file itself, or all files below a folder whose name ends in `suffix`, sorted; hidden ones are left out.

    Raises DataError when there is none.
    """
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise MissingDataError(f"{root} does not exist; a file or folder is needed; give one that does")
    found = [
        path
        for path in sorted(root.rglob(f"*{suffix}"))
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(root).parts)
    ]
    if not found:
        wanted = f"ends in {suffix!r}" if suffix else "is not hidden"
        raise DataError(f"{root} holds no file whose name {wanted}; at least one is needed; give another folder")
    return found


def read_bytes(path: Path) -> bytes:
    """The file's content. Raises DataError that names the file."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); make it readable or give another") from error


def stamp(paths: Iterable[Path], root: Path | None = None) -> str:
    """A digest of the names (below `root`), sizes and times of modification."""
    digest = hashlib.sha256()
    for path in paths:
        name = path if root is None else path.relative_to(root)
        status = path.stat()
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()
