"""Reports as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.errors import StoreError
from harness.reports import html
from harness.reports.report import Report
from harness.store import write_atomically


def write_report(report: Report, path: Path, render: Callable[[Report], str] = html.render) -> Path:
    """Render the report and write it, whole or not at all. Raises StoreError where it cannot be written."""
    content = render(report)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content.encode())
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror or error}; choose another file with -o, or free space"
        ) from error
    return path
