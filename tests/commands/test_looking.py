"""`list`, `show`, `plan` and `doctor` tell what there is."""

import json
from pathlib import Path

import pytest

TINY = f"suite={Path(__file__).parents[1] / 'files' / 'tiny.toml'}"


@pytest.mark.parametrize("kind", ["models", "tasks", "metrics", "datasets", "kernels", "suites", "plugins"])
def test_every_kind_is_listed_with_a_summary(harness, kind):
    entries = json.loads(harness("list", kind, "--json").stdout)[kind]
    assert entries
    assert all(entry["name"] and entry["summary"] for entry in entries)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("mamba", "d_state"),
        ("mqar", "num_pairs"),
        ("bits_per_byte", "code length"),
        ("digits", "licence"),
        ("selective_scan.cpu", "numba"),
        ("long-context", "scale small"),
        ("s4", "HiPPO"),
    ],
)
def test_everything_can_be_shown(harness, name, part):
    done = harness("show", name)
    assert done.returncode == 0, done.stderr
    assert part in done.stdout


def test_every_registered_name_can_be_shown_as_json(registry, harness):
    from harness.commands.show import describe, find

    catalogues = (registry.models, registry.tasks, registry.metrics, registry.datasets, registry.kernels)
    for name in [name for catalogue in catalogues for name in catalogue.entries]:
        assert all(json.dumps(describe(kind, entry, registry), default=str) for kind, entry in find(name, registry))


def test_a_plan_explains_itself(harness):
    assert "new: no row with its id" in harness("plan", TINY, "--explain").stdout
    assert harness("run", TINY).returncode == 0
    done = harness("plan", TINY, "--explain")
    assert "done before: ok" in done.stdout
    assert "0 to run, 4 done before" in done.stdout


def test_a_plan_is_the_same_as_json(harness):
    trials = json.loads(harness("plan", TINY, "--json").stdout)["trials"]
    assert [trial["model"] for trial in trials] == ["transformer", "lstm", "transformer", "lstm"]
    assert {trial["status"] for trial in trials} == {None}


def test_doctor_finds_nothing_wrong_here(harness):
    done = harness("doctor")
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout


def test_doctor_shows_a_broken_plugin_with_its_traceback_and_a_run_goes_on(harness, tmp_path, monkeypatch):
    site = tmp_path / "site"
    (site / "broken_plugin-1.0.dist-info").mkdir(parents=True)
    (site / "broken_plugin-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: broken-plugin\nVersion: 1.0\n"
    )
    (site / "broken_plugin-1.0.dist-info" / "entry_points.txt").write_text(
        "[harness.plugins]\nbroken = broken_plugin\n"
    )
    (site / "broken_plugin.py").write_text("raise RuntimeError('out of order')\n")
    monkeypatch.setenv("PYTHONPATH", str(site))
    done = harness("doctor")
    assert (done.returncode, "RuntimeError: out of order" in done.stdout) == (1, True)
    assert "broken, see `harness doctor`" in harness("list", "plugins").stdout
    assert harness("run", TINY, "model=lstm", "seed=0").returncode == 0
    unknown = harness("run", TINY, "model=of_the_broken_one")
    assert "plugins that did not load: broken" in unknown.stderr


def test_completion_offers_names(harness, monkeypatch):
    monkeypatch.setenv("_HARNESS_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "harness run model=mam")
    monkeypatch.setenv("COMP_CWORD", "2")
    assert "model=mamba" in harness().stdout
