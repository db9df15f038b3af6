"""`harness leaderboard` and `harness report` over a results folder."""

import json
import os

import pytest
from click.testing import CliRunner

from harness.commands import leaderboard, report
from harness.errors import StoreError, UsageError
from harness.store import Store


@pytest.fixture
def call(monkeypatch):
    """Calls a command as `harness` does: its return value is the exit code, its errors are raised."""
    monkeypatch.setenv("COLUMNS", "120")

    def run(command, *arguments):
        outcome = CliRunner().invoke(command, [str(argument) for argument in arguments], standalone_mode=False)
        if outcome.exception is not None:
            raise outcome.exception
        return outcome

    return run


@pytest.fixture
def results(tmp_path, make):
    """A results folder with two runs, the newer of which has a trial without a row."""
    store = Store(tmp_path / "results")
    store.prepare()
    older = [make.row(trial_id="a", run_id="older", task="mqar", model="lstm", value=0.125)]
    newer = [*make.seeds("mamba", [0.75, 0.875], run_id="newer"), make.row(model="s4d", run_id="newer", scale="medium")]
    for row in older + newer:
        store.write_row(
            row,
            [{"candidate": 0, "chosen": True, "step": step, "name": "loss", "value": 1.0 / step} for step in (1, 2)],
        )
    store.write_run("older", {"trial_ids": ["a"]})
    store.write_run("newer", {"trial_ids": [*(row["trial_id"] for row in newer), "not-run-yet"]})
    os.utime(store.folder / "runs" / "older.json", (1, 1))
    return store.folder


def labels(outcome):
    return sorted(entry["label"] for board in json.loads(outcome.stdout)["boards"] for entry in board["entries"])


def test_leaderboard_shows_the_newest_run_with_what_is_missing(call, results):
    outcome = call(leaderboard.command, "--results", results)
    assert "mamba" in outcome.stdout
    assert "lstm" not in outcome.stdout
    assert "1 planned trials have no row yet" in outcome.stderr
    assert outcome.return_value == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), ["mamba", "s4d"]),
        (("--run", "older"), ["lstm"]),
        (("--run", "old"), ["lstm"]),
        (("--all",), ["lstm", "mamba", "s4d"]),
        (("--all", "--task", "mqar"), ["lstm"]),
        (("--all", "--model", "mamba", "--model", "lstm"), ["lstm", "mamba"]),
        (("--scale", "medium"), ["s4d"]),
    ],
    ids=["newest", "run", "start of a run", "all", "task", "models", "scale"],
)
def test_leaderboard_chooses_rows(call, results, arguments, expected):
    assert labels(call(leaderboard.command, "--results", results, "--json", *arguments)) == expected


def test_leaderboard_reads_folders_and_files(call, results):
    file = Store(results).export()
    assert labels(call(leaderboard.command, "--json", file)) == ["lstm", "mamba", "s4d"]
    assert labels(call(leaderboard.command, "--json", results, file)) == ["lstm", "mamba", "s4d"]


def test_leaderboard_shows_every_metric_on_request(call, results):
    assert "seeds" in call(leaderboard.command, "--results", results, "--metric", "all").stdout


def test_json_has_interval_and_seeds(call, results):
    boards = json.loads(call(leaderboard.command, "--results", results, "--scale", "small", "--json").stdout)["boards"]
    (entry,) = boards[0]["entries"]
    assert (entry["summary"]["mean"], entry["summary"]["n"], entry["rank"]) == (0.8125, 2, 1)
    assert [replicate["value"] for replicate in entry["replicates"]] == [0.75, 0.875]


@pytest.mark.parametrize("command", [leaderboard.command, report.command], ids=["leaderboard", "report"])
def test_damaged_row_is_told_and_the_rest_is_shown(call, results, command):
    (results / "rows" / "a.parquet").write_bytes(b"PAR1 cut off")
    outcome = call(command, "--results", results, "--all")
    assert outcome.return_value == 1
    assert "a.parquet cannot be read" in outcome.stderr
    assert outcome.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--run", "newest"), "knows no run 'newest'; did you mean newer?"),
        (("--task", "mqra", "--all"), "--task mqra: no row has it; did you mean mqar?"),
        (("--metric", "acuracy"), "--metric acuracy: no row has it; did you mean accuracy?"),
        (("--run", "older", "--all"), "give one of them"),
        (("nowhere.parquet",), "nowhere.parquet does not exist"),
    ],
    ids=["run", "task", "metric", "both", "path"],
)
def test_leaderboard_refuses_what_is_not_there(call, results, arguments, message):
    with pytest.raises(UsageError) as refused:
        call(leaderboard.command, "--results", results, *arguments)
    assert message in str(refused.value)


def test_start_of_several_runs_is_refused(call, results):
    Store(results).write_run("old", {"trial_ids": ["a"]})
    Store(results).write_run("oldest", {"trial_ids": ["a"]})
    assert labels(call(leaderboard.command, "--results", results, "--json", "--run", "old")) == ["lstm"]
    with pytest.raises(UsageError, match="could be any of"):
        call(leaderboard.command, "--results", results, "--run", "ol")


@pytest.mark.parametrize("command", [leaderboard.command, report.command], ids=["leaderboard", "report"])
def test_a_folder_without_results_says_how_to_start(call, tmp_path, command):
    with pytest.raises(StoreError, match="start with `harness run`"):
        call(command, "--results", tmp_path)


@pytest.mark.parametrize("command", [leaderboard.command, report.command], ids=["leaderboard", "report"])
def test_an_empty_store_says_so(call, tmp_path, command):
    Store(tmp_path).prepare()
    with pytest.raises(StoreError, match="holds no rows yet"):
        call(command, "--results", tmp_path)


def test_a_store_of_damaged_rows_names_them(call, tmp_path):
    Store(tmp_path).prepare()
    (tmp_path / "rows" / "x.parquet").write_bytes(b"")
    with pytest.raises(StoreError, match=r"x\.parquet cannot be read"):
        call(leaderboard.command, "--results", tmp_path)


@pytest.mark.parametrize(
    ("form", "suffix", "sign"), [("html", ".html", "<!DOCTYPE html>"), ("markdown", ".md", "# Lead")]
)
def test_report_writes_the_newest_run_and_prints_its_path(call, results, form, suffix, sign):
    outcome = call(report.command, "--results", results, "--format", form)
    path = results / "reports" / f"newer{suffix}"
    assert outcome.stdout.strip() == str(path)
    assert path.read_text(encoding="utf-8").startswith(sign)
    assert "lstm" not in path.read_text(encoding="utf-8")


def test_report_of_named_runs_goes_where_it_is_told(call, results, tmp_path):
    path = tmp_path / "new" / "board.html"
    call(report.command, "older", "newer", "--results", results, "-o", path)
    text = path.read_text(encoding="utf-8")
    assert ">lstm<" in text
    assert ">mamba<" in text
    assert "<polyline" in text
    assert os.listdir(path.parent) == ["board.html"]


def test_report_that_cannot_be_written_says_why(call, results, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        call(report.command, "--results", results, "-o", tmp_path / "file" / "board.html")


def test_report_in_an_unknown_form_names_the_known_ones(call, results):
    with pytest.raises(UsageError, match="did you mean html"):
        call(report.command, "--results", results, "--format", "htm")
