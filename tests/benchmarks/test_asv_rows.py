"""Results of asv become rows: one for each benchmark, parameter, commit and machine, the same every time."""

import importlib.util
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.store import Store

pytest.importorskip("asv", reason="asv is not installed: pip install 'arch-harness[bench]'")
results = pytest.importorskip("asv.results")
runner = pytest.importorskip("asv.runner")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "asv_rows.py"
SPEC = importlib.util.spec_from_file_location("asv_rows", SCRIPT)
asv_rows = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(asv_rows)

MACHINE = {"machine": "box", "arch": "x86_64", "cpu": "a processor", "num_cpu": "2", "os": "Linux", "ram": "1000"}
SIZED = {"name": "planning.time_plan", "param_names": ["trials"], "params": [["10", "20", "30"]], "unit": "seconds"}
PLAIN = {"name": "planning.peakmem_plan", "param_names": [], "params": [], "unit": "bytes"}
COMMIT = "a" * 40
STARTED = datetime(2026, 1, 1, tzinfo=UTC)


def save(folder, commit=COMMIT, version="1", env="virtualenv-py3.11"):
    """What `asv run` leaves of two benchmarks: of three parameters one has a time, one failed and one was skipped."""
    made = results.Results({**MACHINE, "python": "3.11"}, {}, commit, 0, "3.11", env, {})
    found = (
        (SIZED, [1.5, None, float("nan")], [[1.0, 1.25, 1.5, 1.75, 2.0], None, None], [1, None, None]),
        (PLAIN, [2048.0], [None], [None]),
    )
    for benchmark, values, samples, number in found:
        result = runner.BenchmarkResult(values, samples, number, errcode=0, stderr="", profile=None)
        made.add_result({**benchmark, "version": version}, result, STARTED, duration=3.0)
    made.save(str(folder))
    (folder / "box" / "machine.json").write_text(json.dumps({**MACHINE, "version": 1}))
    catalogue = {benchmark["name"]: {**benchmark, "version": "1"} for benchmark in (SIZED, PLAIN)}
    (folder / "benchmarks.json").write_text(json.dumps({**catalogue, "version": 2}))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "asv"
    made.mkdir()
    save(made)
    return made


def by_options(folder):
    return {(row["task"], row["task_options"]): row for row in asv_rows.rows_of(folder)}


def test_every_parameter_has_a_row(folder):
    assert sorted(by_options(folder)) == [
        ("planning.peakmem_plan", "{}"),
        ("planning.time_plan", '{"trials":10}'),
        ("planning.time_plan", '{"trials":20}'),
        ("planning.time_plan", '{"trials":30}'),
    ]


def test_a_row_has_value_unit_commit_and_machine(folder):
    row = by_options(folder)["planning.time_plan", '{"trials":10}']
    assert (row["value"], row["metric"], row["metrics"][0]["unit"], row["metrics"][0]["n"]) == (1.5, "seconds", "s", 5)
    assert (row["git_commit"], row["model"], row["git_dirty"]) == (COMMIT, "a" * 10, False)
    assert (row["cpu"], row["cpu_count"], row["ram_bytes"], row["os"]) == ("a processor", 2, 1000, "Linux")
    assert (row["started_at"], row["ended_at"]) == (STARTED, STARTED + timedelta(seconds=3))


def test_a_time_has_its_quartiles_inside_its_interval(folder):
    row = by_options(folder)["planning.time_plan", '{"trials":10}']
    found = {metric["name"]: metric["value"] for metric in row["metrics"]}
    assert (found["seconds_q25"], found["seconds_q75"]) == (1.25, 1.75)
    assert found["seconds_low"] < 1.25 < 1.75 < found["seconds_high"]


def test_memory_is_in_bytes(folder):
    row = by_options(folder)["planning.peakmem_plan", "{}"]
    assert (row["value"], row["metric"], row["metrics"][0]["unit"]) == (2048.0, "bytes", "B")


@pytest.mark.parametrize(("trials", "status"), [(20, "error"), (30, "unsupported")], ids=["failed", "skipped"])
def test_what_has_no_value_says_why(folder, trials, status):
    row = by_options(folder)["planning.time_plan", f'{{"trials":{trials}}}']
    assert (row["status"], row["value"], row["ranked"], bool(row["reason"])) == (status, None, False, True)


def test_what_another_version_of_a_benchmark_measured_is_not_ranked(folder):
    save(folder, version="0")
    row = by_options(folder)["planning.time_plan", '{"trials":10}']
    assert (row["status"], row["ranked"]) == ("ok", False)
    assert "has changed" in row["unranked_reason"]


def test_of_an_environment_that_asv_did_not_build_the_state_is_unknown(tmp_path):
    save(tmp_path, env="existing-py_python")
    assert {row["git_dirty"] for row in asv_rows.rows_of(tmp_path)} == {None}


def test_rows_are_written_once(folder, tmp_path, monkeypatch):
    written = tmp_path / "results"
    monkeypatch.setattr(sys, "argv", ["asv_rows.py", "--asv", str(folder), "--results", str(written)])
    asv_rows.main()
    before = {path.name: path.read_bytes() for path in written.glob("rows/*.parquet")}
    asv_rows.main()
    assert {path.name: path.read_bytes() for path in written.glob("rows/*.parquet")} == before
    assert len(before) == 4


def test_commits_stand_on_one_board(folder, tmp_path, monkeypatch, harness):
    save(folder, commit="b" * 40)
    written = tmp_path / "results"
    monkeypatch.setattr(sys, "argv", ["asv_rows.py", "--asv", str(folder), "--results", str(written)])
    asv_rows.main()
    assert len(Store(written).read().table) == 8
    shown = harness("leaderboard", "--results", written, "--task", "planning.peakmem_plan", "--json")
    (board,) = json.loads(shown.stdout)["boards"]
    assert sorted(entry["model"] for entry in board["entries"]) == ["a" * 10, "b" * 10]


def test_a_folder_without_results_says_how_to_get_them(tmp_path):
    with pytest.raises(StoreError, match="asv run"):
        asv_rows.rows_of(tmp_path)
