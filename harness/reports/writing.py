"""Reports as files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from harness.errors import StoreError
from harness.reports import html
from harness.reports.board import Report


def write_report(report: Report, path: Path, render: Callable[[Report], str] = html.render) -> Path:
    """Render the report and write it, whole or not at all. Raises StoreError where it cannot be written."""
    content = render(report)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}; choose another file with -o, or free space"
        ) from error
    return path
