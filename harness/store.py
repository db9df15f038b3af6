"""Rows in Parquet: one file a trial, written whole or not at all; boards read them together.

A results folder holds `rows/<trial>.parquet` (what is true), `curves/<trial>.parquet` (learning curves),
`artifacts/<trial>/` (samples and other files that a trial left), `checkpoints/<trial>/` (what an unfinished trial goes
on from),
`leaderboard.parquet` (all rows in one file, made from the others) and `runs/<run>.json` (which trials a run planned).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harness.errors import StoreError

SCHEMA_VERSION = 5
TO_BE_RETRIED = ("timed_out", "crashed")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the leaderboard.

    `kind` is `identity` (what was asked), `result` (the same whenever the trial is run on the same machine) or
    `measured` (times, memory, dates and other circumstances, which differ from run to run).
    """

    name: str
    type: pa.DataType
    kind: str
    meaning: str


METRIC = pa.struct(
    [
        ("name", pa.string()),
        ("value", pa.float64()),
        ("unit", pa.string()),
        ("higher_is_better", pa.bool_()),
        ("n", pa.int64()),
    ]
)
TEXTS = pa.map_(pa.string(), pa.string())

COLUMNS: tuple[Column, ...] = (
    Column("trial_id", pa.string(), "identity", "hash of everything that defines the trial"),
    Column("run_id", pa.string(), "identity", "suite, scale and hash of the planned trials"),
    Column("suite", pa.string(), "identity", "suite"),
    Column("scale", pa.string(), "identity", "scale of the suite"),
    Column("task", pa.string(), "identity", "task"),
    Column("model", pa.string(), "identity", "model"),
    Column("kernel", pa.string(), "identity", "kernel as asked for"),
    Column("kernels", TEXTS, "identity", "kernel that each op ran"),
    Column("seed", pa.int64(), "identity", "seed; seeds are the replicates"),
    Column("status", pa.string(), "result", "ok, unsupported, failed_check, diverged, out_of_memory, timed_out, "
           "crashed or error"),
    Column("reason", pa.string(), "result", "why the status is not ok; empty otherwise"),
    Column("traceback", pa.string(), "measured", "traceback of an error"),
    Column("ranked", pa.bool_(), "result", "whether the result takes part in ranking"),
    Column("unranked_reason", pa.string(), "result", "why it does not"),
    Column("metric", pa.string(), "result", "name of the headline metric"),
    Column("value", pa.float64(), "result", "headline value on the test split"),
    Column("higher_is_better", pa.bool_(), "result", "direction of the headline metric"),
    Column("chance", pa.float64(), "result", "headline value of guessing"),
    Column("references", pa.map_(pa.string(), pa.float64()), "result", "values without learning: name, or metric:name"),
    Column("metrics", pa.list_(METRIC), "result", "all metrics on the test split"),
    Column(
        "validation",
        pa.float64(),
        "result",
        "headline value on the validation split, of the chosen candidate; some tasks choose by another metric",
    ),
    Column("task_options", pa.string(), "identity", "options of the task, JSON"),
    Column("model_options", pa.string(), "identity", "options of the model, JSON"),
    Column("training", pa.string(), "identity", "training options, JSON"),
    Column("learning_rate", pa.float64(), "result", "learning rate that validation chose"),
    Column("num_candidates", pa.int64(), "identity", "how many configurations were tried"),
    Column("budget_steps", pa.int64(), "identity", "steps asked for"),
    Column("budget_seconds", pa.float64(), "identity", "seconds asked for, if any"),
    Column("steps", pa.int64(), "result", "steps used"),
    Column("examples", pa.int64(), "result", "training examples used"),
    Column("tokens", pa.int64(), "result", "training tokens used"),
    Column("stopped", pa.string(), "result", "why fitting ended before its budget"),
    Column("continued", pa.string(), "measured", "where fitting went on from a checkpoint and what began anew then, or "
           "why a checkpoint could not be written or read; empty otherwise"),
    Column("final_loss", pa.float64(), "result", "last recorded training loss"),
    Column("parameters", pa.int64(), "result", "trainable parameters"),
    Column("match_kind", pa.string(), "identity", "what every model got alike: parameters, flops, state_bytes or "
           "seconds"),
    Column("match_target", pa.float64(), "identity", "how much of it, in the unit of the column that measures it"),
    Column("match_reached", pa.float64(), "measured", "how much the trial had; over 10% off is not ranked"),
    Column("match_parameters", pa.int64(), "identity", "match_target where parameters are matched, as older rows say"),
    Column("flops_per_example", pa.float64(), "result", "floating-point operations of one forward pass, an example"),
    Column("state_bytes", pa.int64(), "result", "bytes of streaming state a sequence, at the task's length"),
    Column("train_seconds", pa.float64(), "measured", "time of fitting without validation, seconds"),
    Column("step_seconds", pa.float64(), "measured", "median time of a training step, seconds"),
    Column("examples_per_second", pa.float64(), "measured", "training throughput"),
    Column("tokens_per_second", pa.float64(), "measured", "training throughput"),
    Column("seconds_to_target", pa.float64(), "measured", "training time until validation met the task's target"),
    Column("evaluate_seconds", pa.float64(), "measured", "time of the test evaluation, seconds"),
    Column("wall_seconds", pa.float64(), "measured", "the whole trial, seconds"),
    Column("peak_memory_bytes", pa.int64(), "measured", "peak memory"),
    Column("peak_memory_kind", pa.string(), "measured", "what peak_memory_bytes counts"),
    Column("energy_joules", pa.float64(), "measured", "energy of the whole device meanwhile, where it tells"),
    Column("dataset", pa.string(), "result", "dataset"),
    Column("data_tier", pa.string(), "result", "embedded, offline or online; never ranked together"),
    Column("data_digest", pa.string(), "result", "SHA-256 of the arrays"),
    Column("data_licence", pa.string(), "result", "licence of the data"),
    Column("data_provenance", pa.string(), "result", "where the data came from"),
    Column("device", pa.string(), "identity", "cpu or cuda"),
    Column("precision", pa.string(), "identity", "float32, bfloat16 (autocast) or float64"),
    Column("threads", pa.int64(), "result", "CPU threads of the trial"),
    Column("hardware", pa.string(), "result", "name of the device"),
    Column("driver", pa.string(), "result", "driver version of the device"),
    Column("cpu", pa.string(), "result", "CPU model"),
    Column("cpu_count", pa.int64(), "result", "CPUs that the run could use"),
    Column("ram_bytes", pa.int64(), "result", "memory of the machine"),
    Column("os", pa.string(), "result", "operating system"),
    Column("machine_extra", TEXTS, "measured", "facts that plugins add"),
    Column("details", TEXTS, "measured", "of a kernel's row: how it was run, floor, baseline and verdict"),
    Column("artifacts", TEXTS, "result", "SHA-256 of each file in artifacts/<trial>/"),
    Column("load_average", pa.float64(), "measured", "load over the last minute when the trial ended"),
    Column("versions", TEXTS, "result", "versions of Python, harness and libraries"),
    Column("sources", TEXTS, "identity", "version and source digest of the plugins that took part"),
    Column("git_commit", pa.string(), "measured", "commit of the checkout, if there is one"),
    Column("git_dirty", pa.bool_(), "measured", "whether the checkout had changes"),
    Column("started_at", pa.timestamp("us", tz="UTC"), "measured", "start"),
    Column("ended_at", pa.timestamp("us", tz="UTC"), "measured", "end"),
    Column("schema_version", pa.int64(), "identity", "version of these columns"),
)  # fmt: skip

SCHEMA = pa.schema([(column.name, column.type) for column in COLUMNS])
NAMES = tuple(column.name for column in COLUMNS)
CURVE_SCHEMA = pa.schema(
    [
        ("trial_id", pa.string()),
        ("candidate", pa.int64()),
        ("chosen", pa.bool_()),
        ("step", pa.int64()),
        ("name", pa.string()),
        ("value", pa.float64()),
    ]
)


@dataclass(frozen=True, slots=True)
class Reading:
    """Rows that could be read, and a line about each file that could not."""

    table: pd.DataFrame
    problems: tuple[str, ...]


class Store:
    """A results folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints, which is made when there is one."""
        return self.folder / "checkpoints"

    def prepare(self) -> None:
        """Create the folders and prove that they can be written. Raises StoreError with the way out."""
        try:
            for name in ("rows", "curves", "artifacts", "runs"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / "rows" / ".probe", b"")
            (self.folder / "rows" / ".probe").unlink()
        except OSError as error:
            raise StoreError(
                f"results folder {self.folder} cannot be written: {error.strerror or error}; "
                "choose another with --results, or free it"
            ) from error

    def write_row(
        self,
        row: Mapping[str, Any],
        curve: Sequence[Mapping[str, Any]] = (),
        artifacts: Mapping[str, bytes] | None = None,
    ) -> None:
        """Write a trial's files and curve and then its row. A full disk raises StoreError and leaves no half-written
        file. Its checkpoints go, but of a trial that ran out of time or died: another try goes on from them."""
        trial_id = str(row["trial_id"])
        for name, content in (artifacts or {}).items():
            self._write(f"artifacts/{trial_id}/{name}", content)
        if curve:
            points = [{"trial_id": trial_id, **point} for point in curve]
            self._write_table(pa.Table.from_pylist(points, schema=CURVE_SCHEMA), f"curves/{trial_id}.parquet")
        complete = {name: row.get(name) for name in NAMES} | {"schema_version": SCHEMA_VERSION}
        complete["artifacts"] = {
            name: hashlib.sha256(content).hexdigest() for name, content in (artifacts or {}).items()
        }
        self._write_table(pa.Table.from_pylist([complete], schema=SCHEMA), f"rows/{trial_id}.parquet")
        if row.get("status") not in TO_BE_RETRIED:
            shutil.rmtree(self.checkpoints / trial_id, ignore_errors=True)

    def write_run(self, run_id: str, content: Mapping[str, Any]) -> None:
        text = json.dumps(content, indent=1, sort_keys=True, default=str)
        self._write(f"runs/{run_id}.json", text.encode())

    def statuses(self, trial_ids: Iterable[str]) -> dict[str, str]:
        """The status of each of these trials that has a readable row. A damaged row counts as not there."""
        found = {}
        for trial_id in trial_ids:
            path = self.folder / "rows" / f"{trial_id}.parquet"
            if path.exists():
                try:
                    found[trial_id] = pq.read_table(path, columns=["status"])["status"][0].as_py()
                except (pa.ArrowException, OSError, IndexError, KeyError):
                    continue
        return found

    def read(self, trial_ids: Iterable[str] | None = None) -> Reading:
        """All rows (or those of some trials), sorted by what identifies them."""
        folder = self.folder / "rows"
        if not folder.is_dir():
            raise StoreError(f"{self.folder} holds no results (no rows/ folder in it); start with `harness run`")
        paths = sorted(folder.glob("*.parquet"))
        if trial_ids is not None:
            wanted = set(trial_ids)
            paths = [path for path in paths if path.stem in wanted]
        return read_rows(paths)

    def curves(self, trial_ids: Iterable[str]) -> pd.DataFrame:
        """Learning curves in long form; see CURVE_SCHEMA."""
        paths = [self.folder / "curves" / f"{trial_id}.parquet" for trial_id in trial_ids]
        tables = [pq.read_table(path, schema=CURVE_SCHEMA) for path in paths if path.exists()]
        return pa.concat_tables([CURVE_SCHEMA.empty_table(), *tables]).to_pandas()

    def artifacts(self, trial_ids: Iterable[str]) -> dict[str, dict[str, bytes]]:
        """The files that these trials left, by trial and name."""
        folders = {trial_id: self.folder / "artifacts" / trial_id for trial_id in trial_ids}
        return {
            trial_id: {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
            for trial_id, folder in folders.items()
            if folder.is_dir()
        }

    def runs(self) -> dict[str, list[str]]:
        """The trials that each run planned, the run that was planned last at the end."""
        paths = sorted((self.folder / "runs").glob("*.json"), key=lambda path: path.stat().st_mtime)
        return {path.stem: json.loads(path.read_text())["trial_ids"] for path in paths}

    def export(self) -> Path:
        """Write all rows into `leaderboard.parquet` and return its path."""
        rows = self.read().table
        self._write_table(to_table(rows), "leaderboard.parquet")
        return self.folder / "leaderboard.parquet"

    def _write_table(self, table: pa.Table, name: str) -> None:
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd")
        self._write(name, sink.getvalue().to_pybytes())

    def _write(self, name: str, content: bytes) -> None:
        try:
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.folder / name, content)
        except OSError as error:
            raise StoreError(
                f"{self.folder / name} cannot be written: {error.strerror or error}; what was written before is kept: "
                "free space or permissions, then run the same command again"
            ) from error


def read_rows(paths: Sequence[Path]) -> Reading:
    """Rows of Parquet files. A file that is damaged or not ours becomes a line in `problems`."""
    tables, problems = [], []
    for path in paths:
        try:
            table = pq.read_table(path)
        except (pa.ArrowException, OSError) as error:
            first = str(error).strip().splitlines()[0]
            problems.append(
                f"{path} cannot be read ({first}); it may be cut off: delete it and run the same command again"
            )
            continue
        if "schema_version" not in table.column_names:
            problems.append(f"{path} is not a leaderboard (it has no schema_version); move it elsewhere")
        elif max(table["schema_version"].to_pylist(), default=0) > SCHEMA_VERSION:
            problems.append(f"{path} was written by a newer harness; update harness to read it")
        else:
            tables.append(_fitted(table))
    table = pa.concat_tables([SCHEMA.empty_table(), *tables])
    frame = table.to_pandas(maps_as_pydicts="strict")
    order = ["suite", "scale", "task", "model", "kernel", "seed", "trial_id"]
    return Reading(frame.sort_values(order, kind="stable", ignore_index=True), tuple(problems))


def _fitted(table: pa.Table) -> pa.Table:
    """The table with exactly our columns; those that an older harness did not write are null, save for what another
    column says."""
    table = _with_match(table)
    columns = [
        table[name].cast(SCHEMA.field(name).type)
        if name in table.column_names
        else pa.nulls(len(table), SCHEMA.field(name).type)
        for name in NAMES
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _with_match(table: pa.Table) -> pa.Table:
    """Up to version 4 parameters were all that could be matched, and a column of their own said so."""
    if "match_kind" in table.column_names or not {"match_parameters", "parameters"} <= set(table.column_names):
        return table
    asked = table["match_parameters"]
    is_matched = pc.is_valid(asked)
    missing = pa.scalar(None, pa.float64())
    reached = pc.if_else(is_matched, table["parameters"].cast(pa.float64()), missing)
    kind = pc.if_else(is_matched, pa.scalar("parameters"), pa.scalar(None, pa.string()))
    return (
        table.append_column("match_kind", kind)
        .append_column("match_target", asked.cast(pa.float64()))
        .append_column("match_reached", reached)
    )


def to_table(rows: pd.DataFrame) -> pa.Table:
    """A data frame of rows, as Parquet stores it."""
    records = [{name: _plain(value) for name, value in record.items()} for record in rows.to_dict("records")]
    return pa.Table.from_pylist(records, schema=SCHEMA)


def _plain(value: Any) -> Any:
    """pandas' missing values as None, for columns of every type."""
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    return value


def write_atomically(path: Path, content: bytes) -> None:
    """Temporary file in the same folder, fsync, rename, fsync of the folder."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
