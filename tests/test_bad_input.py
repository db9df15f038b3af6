"""Whatever a person gets wrong ends in one line with the fact, the expectation and the way out; no traceback."""

from pathlib import Path

import pytest

FILES = Path(__file__).parent / "files"
TINY = f"suite={FILES / 'tiny.toml'}"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["run"], "no suite was chosen"),
        (["run", "suite=long-contex"], "did you mean long_context"),
        (["run", "suite=absent.toml"], "no such file"),
        (["run", TINY, "scale=huge"], "has no scale 'huge'"),
        (["run", TINY, "model=mambo"], "did you mean mamba"),
        (["run", TINY, "task=mqarr"], "did you mean mqar"),
        (["run", TINY, "modle=mamba"], "did you mean model"),
        (["run", TINY, "model="], "has no value"),
        (["run", TINY, "seed=-1"], "not a whole number"),
        (["run", TINY, "seed=one"], "not a whole number"),
        (["run", TINY, "device=tpu"], "device=tpu is not known"),
        (["run", TINY, "precision=float8"], "precision=float8 is not known"),
        (["run", TINY, "budget.steps=many"], "budget.steps: input should be a valid integer"),
        (["run", TINY, "budget.stepz=3"], "did you mean steps"),
        (["run", TINY, "transformer.d_model=wide"], "transformer: d_model: input should be a valid integer"),
        (["run", TINY, "transformer.d_state=3"], "transformer has no option 'd_state'"),
        (["run", TINY, "model.num_heads=2"], "lstm lacks it"),
        (["run", TINY, "mamba.d_state=3"], "mamba is not selected"),
        (["run", TINY, "--plugin", "absent.py"], "no such file"),
        (["run", TINY, "--executor", "process"], "did you mean processes"),
        (["run", TINY, "--retry", "failed"], "no such status"),
        (["list", "modles"], "did you mean models"),
        (["show", "mambo"], "did you mean mamba"),
        (["rum"], "did you mean run"),
    ],
    ids=lambda value: " ".join(value).replace(str(FILES), "") if isinstance(value, list) else "",
)
def test_usage_errors_exit_with_2_and_say_the_way_out(harness, arguments, part):
    done = harness(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_a_suite_file_with_a_repeated_key_is_named(harness, tmp_path):
    (tmp_path / "twice.toml").write_text('name = "a"\nname = "b"\n')
    done = harness("run", "suite=twice.toml")
    assert (done.returncode, "twice.toml: not valid TOML" in done.stderr) == (2, True)


def test_a_suite_file_with_an_unknown_key_is_named(harness, tmp_path):
    (tmp_path / "odd.toml").write_text((FILES / "tiny.toml").read_text() + "\n[scale.tiny.colour]\n")
    done = harness("run", "suite=odd.toml")
    assert (done.returncode, "scale.tiny.colour" in done.stderr) == (2, True)


def test_a_plugin_that_does_not_import_is_named_with_its_line(harness, tmp_path):
    (tmp_path / "bad.py").write_text("import torch\nimport nothing_of_that_name\n")
    done = harness("run", TINY, "--plugin", "bad.py")
    assert (done.returncode, "bad.py:2: does not load" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr


def test_a_results_folder_that_cannot_be_written_is_a_run_error(harness, tmp_path):
    (tmp_path / "taken").write_text("")
    done = harness("run", TINY, "--results", "taken/results")
    assert (done.returncode, "choose another with --results" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr


def test_a_kernel_that_does_not_exist_leaves_unsupported_rows(harness, tmp_path):
    from harness.store import Store

    done = harness("run", TINY, "model=transformer", "kernel=triton")
    assert done.returncode == 0, done.stderr
    rows = Store(tmp_path / "results/local").read().table
    assert rows["status"].tolist() == ["unsupported", "unsupported"]
    assert "kernel attention.triton runs on cuda, not on cpu" in rows["reason"][0]
    assert rows["step_seconds"].isna().all()
