"""A wheel installed elsewhere does what the checkout does: suites, templates and plugins are inside it."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from harness.store import Store

ROOT = Path(__file__).parents[1]
SHIPPED = {".py", ".toml", ".yaml", ".j2", ".typed", ".md", ".cu", ".cuh", ".h", ".cpp"}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", folder, ROOT],
        check=True,
        capture_output=True,
    )
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The wheel's content in a folder of its own, which comes before the checkout on the path."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", folder, wheel],
        check=True,
        capture_output=True,
    )
    return folder


def test_the_wheel_holds_every_source_file_suite_and_template(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        path.relative_to(base).as_posix()
        for base, pattern in ((ROOT, "harness/**/*"), (ROOT / "plugins", "**/*"), (ROOT / "suites", "**/*"))
        for path in base.glob(pattern)
        if path.suffix in SHIPPED and "__pycache__" not in path.parts
    }
    assert expected - names == set()


def test_the_wheel_holds_no_tests_and_no_results(wheel):
    roots = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert not roots & {"tests", "results", "docs", "benchmarks"}


def test_an_installed_wheel_runs_the_suite_and_writes_the_report(installed, tmp_path, cache):
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", "run", "suite=long-context", "scale=smoke", "model=mamba,s4d,lstm"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed), "HARNESS_CACHE": str(cache)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = Store(tmp_path / "results/local").read().table
    assert set(rows["status"]) == {"ok"}
    assert rows["git_commit"].isna().all()
    assert len(list((tmp_path / "results/local/reports").glob("*.html"))) == 1
    program = "import harness, harness_mamba, harness_long_context as s; print(harness.__file__, s.__file__)"
    where = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert all(path.startswith(str(installed)) for path in where.stdout.split())


def test_lm_eval_evaluates_a_model_of_an_installed_wheel(installed, tmp_path):
    """lm-eval's own command line, on a task of the user's."""
    (tmp_path / "texts.jsonl").write_text('{"text": "state space"}\n{"text": "models"}\n')
    task = {
        "task": "texts", "dataset_path": "json", "test_split": "test", "output_type": "loglikelihood_rolling",
        "dataset_kwargs": {"data_files": {"test": str(tmp_path / "texts.jsonl")}},
        "doc_to_text": "", "doc_to_target": "{{text}}", "metric_list": [{"metric": "bits_per_byte"}],
    }  # fmt: skip
    (tmp_path / "texts.yaml").write_text(json.dumps(task))  # JSON is YAML
    done = subprocess.run(
        [sys.executable, "-m", "harness.bridges.lm_eval", "run", "--model", "harness", "--model_args", "name=s4d",
         "--tasks", "texts.yaml", "--batch_size", "2"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed), "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hub")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "|bits_per_byte|" in done.stdout
