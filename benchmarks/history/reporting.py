"""Reading one large leaderboard, and what is made of it."""

from __future__ import annotations

from pathlib import Path

from history.absence import skipping_what_is_absent
from history.leaderboards import make_row

SIZES = (1_000, 10_000, 100_000)


class Leaderboard:
    """A `leaderboard.parquet` of so many rows: five tasks, twenty models, the rest are seeds."""

    params = SIZES
    param_names = ("rows",)
    timeout = 600
    number, repeat, rounds, warmup_time = 1, (1, 3, 20.0), 1, 0.0

    def setup_cache(self) -> None:
        with skipping_what_is_absent():
            import pyarrow as pa
            import pyarrow.parquet as pq

            from harness.store import SCHEMA, SCHEMA_VERSION
        for size in SIZES:
            rows = [make_row(index) | {"schema_version": SCHEMA_VERSION} for index in range(size)]
            pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), f"leaderboard{size}.parquet")

    setup_cache.timeout = 600

    def setup(self, rows: int) -> None:
        with skipping_what_is_absent():
            from harness.reports.board import make_boards
            from harness.reports.report import make_report
            from harness.reports.writing import write_report
            from harness.store import read_rows
        self.read_rows, self.make_boards = read_rows, make_boards
        self.make_report, self.write_report = make_report, write_report
        self.path = Path(f"leaderboard{rows}.parquet")

    def time_read_rows(self, rows: int) -> None:
        self.read_rows([self.path])

    def time_make_boards(self, rows: int) -> None:
        self.make_boards(self.read_rows([self.path]).table)

    def time_write_report(self, rows: int) -> None:
        self._report()

    def peakmem_write_report(self, rows: int) -> None:
        self._report()

    def _report(self) -> None:
        self.write_report(self.make_report(self.read_rows([self.path]).table), Path("report.html"))
