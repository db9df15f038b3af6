"""asv finds every benchmark of our own speed, and each runs at its smallest parameter."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("asv_runner", reason="asv is not installed: pip install 'arch-harness[bench]'")
discovery = pytest.importorskip("asv_runner.discovery")

ROOT = Path(__file__).parents[2]
HISTORY = ROOT / "benchmarks" / "history"
importers = list(sys.meta_path)
discovery.update_sys_path(str(HISTORY))
FOUND = {benchmark.name: benchmark for benchmark in discovery.disc_benchmarks(str(HISTORY))}
# asv's importer would stay for all that is imported later, which pytest's own imports do not survive.
sys.meta_path[:] = importers
KERNELS = sys.modules["history.kernels"]


@pytest.fixture
def small(monkeypatch):
    """Caches that are made for all sizes hold only the smallest."""
    monkeypatch.setattr(sys.modules["history.reporting"], "SIZES", (1_000,))
    monkeypatch.setattr(sys.modules["history.storing"], "FOLDER_SIZES", (100,))


def run_once(benchmark, index):
    """Set up, run and take down as asv does, without measuring. Returns whether asv would have skipped it."""
    benchmark.do_setup_cache()
    if benchmark.params:
        benchmark.set_param_idx(index)
    skipped = benchmark.do_setup()
    benchmark.func(*benchmark._current_params)
    benchmark.do_teardown()
    return skipped


def test_asv_finds_the_benchmarks_of_every_file():
    files = {path.stem for path in HISTORY.glob("*.py")} - {"__init__", "absence", "leaderboards"}
    assert {name.split(".")[0] for name in FOUND} == files


@pytest.mark.parametrize("name", sorted(FOUND))
def test_a_benchmark_takes_the_arguments_that_asv_gives(name):
    assert FOUND[name].check(str(HISTORY))


@pytest.mark.parametrize("name", sorted(FOUND))
def test_a_benchmark_runs_at_its_smallest_parameter(name, small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert not run_once(FOUND[name], 0)


@pytest.mark.parametrize("index", range(len(KERNELS.KERNELS)), ids=KERNELS.KERNELS)
def test_every_kernel_runs_at_its_size(index):
    assert not run_once(FOUND["kernels.Forward.time_forward"], index)


def test_every_cpu_kernel_of_our_own_is_benchmarked(registry):
    ours = {
        f"{spec.op}.{spec.name}"
        for spec in registry.kernels.specs()
        if spec.name in ("cpu", "torch") and "cpu" in spec.devices
    }
    assert set(KERNELS.KERNELS) == ours


@pytest.mark.parametrize("error", [ImportError, AttributeError, TypeError])
def test_what_a_commit_lacks_is_a_skip(error):
    absence = sys.modules["history.absence"]
    with pytest.raises(NotImplementedError, match="this commit cannot"), absence.skipping_what_is_absent():
        raise error("gone")


def test_a_failure_is_not_a_skip():
    absence = sys.modules["history.absence"]
    with pytest.raises(ValueError, match="wrong"), absence.skipping_what_is_absent():
        raise ValueError("wrong")


def test_a_kernel_that_a_commit_lacks_is_a_skip(monkeypatch):
    subject = KERNELS.Forward()
    with pytest.raises(NotImplementedError, match=r"no kernel attention\.later"):
        subject.setup("attention.later")
