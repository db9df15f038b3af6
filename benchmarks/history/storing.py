"""Rows to disk and back."""

from __future__ import annotations

from pathlib import Path

from history.absence import skipping_what_is_absent
from history.leaderboards import make_row

FOLDER_SIZES = (100, 1_000)
FILE_SIZES = (1_000, 10_000, 100_000)


class Append:
    """One more row in a folder, as each trial leaves it: written whole, synchronised, renamed."""

    def setup(self) -> None:
        with skipping_what_is_absent():
            from harness.store import Store
        self.store = Store(Path("appended"))
        self.store.prepare()
        self.row = make_row(0)

    def time_write_row(self) -> None:
        self.store.write_row(self.row)


class ReadFolder:
    """All rows of a folder that has a file for each."""

    params = FOLDER_SIZES
    param_names = ("rows",)

    def setup_cache(self) -> None:
        with skipping_what_is_absent():
            from harness.store import Store
        for size in FOLDER_SIZES:
            store = Store(Path(f"folder{size}"))
            store.prepare()
            for index in range(size):
                store.write_row(make_row(index))

    setup_cache.timeout = 300

    def setup(self, rows: int) -> None:
        with skipping_what_is_absent():
            from harness.store import Store
        self.store = Store(Path(f"folder{rows}"))

    def time_read(self, rows: int) -> None:
        if len(self.store.read().table) != rows:
            raise RuntimeError(f"folder{rows} does not read back as {rows} rows; its files are damaged")
