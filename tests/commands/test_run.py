"""What `harness run` promises beyond the rows themselves."""

import json
from pathlib import Path

from harness.store import Store

FILES = Path(__file__).parents[1] / "files"
TINY = f"suite={FILES / 'tiny.toml'}"
OBSERVER = """
from harness import hookimpl

@hookimpl
def harness_trial_started(trial):
    raise RuntimeError("started badly")

@hookimpl
def harness_trial_finished(trial, row):
    raise RuntimeError(f"finished badly with {row['status']}")

@hookimpl
def harness_describe_machine():
    raise RuntimeError("no idea where I am")
"""


def test_observers_that_raise_are_reported_and_stop_nothing(harness, tmp_path):
    (tmp_path / "observer.py").write_text(OBSERVER)
    done = harness("run", TINY, "model=lstm", "seed=0", "--plugin", "observer.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "started badly" in done.stderr
    assert "finished badly with ok" in done.stderr
    row = Store(tmp_path / "results/local").read().table.iloc[0]
    assert row["status"] == "ok"
    assert "no idea where I am" in row["machine_extra"]["observer: harness_describe_machine"]


def test_json_output_is_one_object_a_line(harness):
    done = harness("run", TINY, "model=lstm", "--json")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["event"] for event in events if event["event"] != "advanced"] == [
        "opened",
        "started",
        "started",
        "finished",
        "finished",
    ]
    assert {event["status"] for event in events if event["event"] == "finished"} == {"ok"}


def test_failed_trials_can_be_tried_again(harness, tmp_path):
    plugin = tmp_path / "moody.py"
    plugin.write_text(
        "from pathlib import Path\nfrom torch import nn\nfrom harness import model\n"
        "@model(name='moody', predicts_tokens=True)\nclass Moody(nn.Module):\n"
        "    def __init__(self, vocab: int):\n        super().__init__()\n        self.e = nn.Embedding(vocab, vocab)\n"
        f"    def forward(self, tokens):\n        assert Path({str(tmp_path / 'well')!r}).exists(), 'not today'\n"
        "        return self.e(tokens)\n"
    )
    first = harness("run", TINY, "model=moody", "seed=0", "--plugin", plugin)
    assert (first.returncode, "not today" in first.stdout) == (1, True)
    (tmp_path / "well").write_text("")
    again = harness("run", TINY, "model=moody", "seed=0", "--plugin", plugin)
    assert "1 done before" in again.stdout
    assert again.returncode == 1
    retried = harness("run", TINY, "model=moody", "seed=0", "--plugin", plugin, "--retry", "error")
    assert retried.returncode == 0, retried.stdout + retried.stderr


def test_changed_plugin_source_is_another_trial(harness, tmp_path):
    plugin = tmp_path / "variant.py"
    plugin.write_text((FILES / "faults.py").read_text())
    words = ("run", TINY, "model=healthy", "seed=0", "--plugin", plugin)
    assert "1 done before" not in harness(*words).stdout
    assert "1 done before" in harness(*words).stdout
    plugin.write_text(plugin.read_text() + "\n# changed\n")
    assert "1 done before" not in harness(*words).stdout


def test_two_runs_share_a_results_folder(harness, tmp_path):
    harness("run", TINY, "model=lstm", "seed=0")
    harness("run", TINY, "model=lstm", "seed=1")
    assert len(Store(tmp_path / "results/local").read().table) == 2
    assert len(Store(tmp_path / "results/local").runs()) == 2


def test_flags_go_before_what_a_suite_says_of_jobs_and_threads(harness, tmp_path):
    text = (FILES / "tiny.toml").read_text(encoding="utf-8")
    many = text.replace("timeout_seconds = 60", "timeout_seconds = 60\njobs = 500\nthreads = 2")
    (tmp_path / "many.toml").write_text(many, encoding="utf-8")
    words = ("run", "suite=many.toml", "model=lstm", "seed=0", "budget.steps=1")
    said = harness(*words, "--results", "said")
    asked = harness(*words, "--jobs", "1", "--threads", "1", "--results", "asked")
    assert "500 jobs of 2 threads are more than" in said.stdout
    assert "more than the" not in asked.stdout
    rows = [Store(tmp_path / name).read().table.iloc[0] for name in ("said", "asked")]
    assert [row["threads"] for row in rows] == [2, 1]


def test_trained_networks_are_kept_where_that_is_asked_for(harness, tmp_path, registry):
    from harness.runtime.pretrained import read_folder
    from harness.runtime.weights import find_weights, read_weights

    done = harness("run", "suite=long-context", "scale=smoke", "task=text_lm", "model=mamba,lstm", "--keep-weights")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = Store(tmp_path / "results/local").read().table.set_index("model")
    folders = {name: tmp_path / "results/local/artifacts" / row.trial_id / "weights" for name, row in rows.iterrows()}
    kept = {name: read_folder(folder, registry) for name, folder in folders.items()}
    assert {name: (of.model, of.vocab, of.length) for name, of in kept.items()} == {
        "mamba": ("mamba", 256, 64), "lstm": ("lstm", 256, 64),
    }  # fmt: skip
    sizes = {
        name: sum(x.numel() for x in read_weights(find_weights(folder)).values()) for name, folder in folders.items()
    }
    assert sizes == rows["parameters"].to_dict()
    assert set(rows.loc["lstm", "artifacts"]) == {"weights/harness.json", "weights/model.safetensors"}
