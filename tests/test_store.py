import os
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.errors import StoreError
from harness.store import COLUMNS, SCHEMA_VERSION, Store


def row(trial_id, **values):
    return {
        "trial_id": trial_id,
        "run_id": "r",
        "suite": "s",
        "scale": "small",
        "task": "t",
        "model": "m",
        "kernel": "auto",
        "kernels": {"attention": "torch"},
        "seed": 0,
        "status": "ok",
        "metric": "accuracy",
        "value": 0.5,
        "metrics": [{"name": "accuracy", "value": 0.5, "unit": "", "higher_is_better": True, "n": 10}],
        "references": {"majority": 0.2},
        "started_at": datetime(2026, 1, 1, tzinfo=UTC),
        **values,
    }


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "results")
    made.prepare()
    return made


def test_a_row_reads_back_as_it_was_written(store):
    store.write_row(row("a", seed=3), [{"candidate": 0, "step": 1, "name": "loss", "value": 2.0}])
    table = store.read().table
    assert (table["seed"][0], table["kernels"][0], table["references"][0]) == (
        3,
        {"attention": "torch"},
        {"majority": 0.2},
    )
    assert store.curves(["a"])["value"].tolist() == [2.0]


def test_every_column_is_described():
    assert all(column.meaning and column.kind in ("identity", "result", "measured") for column in COLUMNS)


def test_a_truncated_row_is_named_and_the_others_are_kept(store):
    store.write_row(row("good"))
    store.write_row(row("bad"))
    path = store.folder / "rows" / "bad.parquet"
    path.write_bytes(path.read_bytes()[:100])
    reading = store.read()
    assert reading.table["trial_id"].tolist() == ["good"]
    assert "bad.parquet cannot be read" in reading.problems[0]
    assert store.statuses(["good", "bad"]) == {"good": "ok"}


@pytest.mark.parametrize(
    ("status", "kept"),
    [("ok", False), ("error", False), ("diverged", False), ("timed_out", True), ("crashed", True)],
)
def test_checkpoints_go_with_the_row_unless_another_try_could_go_on_from_them(store, status, kept):
    checkpoint = store.checkpoints / "a" / "0.pt"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.touch()
    store.write_row(row("a", status=status))
    assert checkpoint.parent.exists() is kept


def test_a_foreign_parquet_file_is_named(store):
    pq.write_table(pa.table({"x": [1]}), store.folder / "rows" / "foreign.parquet")
    assert "is not a leaderboard" in store.read().problems[0]


def test_a_row_of_a_newer_schema_is_named(store):
    table = pa.table({"schema_version": [SCHEMA_VERSION + 1]})
    pq.write_table(table, store.folder / "rows" / "newer.parquet")
    assert "newer harness" in store.read().problems[0]


def test_an_older_row_says_that_parameters_were_matched(store):
    ids, asked, reached = ["matched", "free"], pa.array([1000, None], pa.int64()), pa.array([990, 5], pa.int64())
    table = pa.table({"schema_version": [4, 4], "trial_id": ids, "match_parameters": asked, "parameters": reached})
    pq.write_table(table, store.folder / "rows" / "old.parquet")
    rows = store.read().table.set_index("trial_id")
    assert rows.loc["matched", ["match_kind", "match_target", "match_reached"]].tolist() == ["parameters", 1000, 990]
    assert rows.loc["free", ["match_kind", "match_target", "match_reached"]].isna().all()


def test_a_row_of_an_older_schema_has_missing_columns_as_null(store):
    table = pa.table({"schema_version": [0], "trial_id": ["old"], "value": [1.0]})
    pq.write_table(table, store.folder / "rows" / "old.parquet")
    read = store.read().table
    assert read["value"][0] == 1.0
    assert read["model"].isna()[0]


def test_export_holds_the_same_rows(store):
    store.write_row(row("a", parameters=None, energy_joules=None))
    store.write_row(row("b", seed=1, state_bytes=7))
    exported = pq.read_table(store.export())
    rows = [pq.read_table(path) for path in sorted((store.folder / "rows").glob("*.parquet"))]
    assert exported.equals(pa.concat_tables(rows))


def test_a_full_disk_keeps_the_old_row_and_says_the_way_out(store, monkeypatch):
    store.write_row(row("a", value=0.25))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"No space left on device.*run the same command again"):
        store.write_row(row("a", value=0.75))
    assert store.read().table["value"].tolist() == [0.25]
    assert [path.name for path in (store.folder / "rows").iterdir()] == ["a.parquet"]


def test_a_folder_that_cannot_be_written_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="choose another with --results"):
        Store(tmp_path / "file" / "results").prepare()


def test_an_empty_folder_is_a_store_error(tmp_path):
    with pytest.raises(StoreError, match="holds no results"):
        Store(tmp_path).read()


def test_files_of_a_trial_lie_beside_its_row_and_are_named_in_it(store):
    store.write_row(row("a"), artifacts={"samples.png": b"picture"})
    store.write_row(row("b"))
    assert store.artifacts(["a", "b"]) == {"a": {"samples.png": b"picture"}}
    named = store.read().table["artifacts"]
    assert list(named[0]) == ["samples.png"]
    assert named[1] == {}
