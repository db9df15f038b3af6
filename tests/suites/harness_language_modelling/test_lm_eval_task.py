"""Trials of lm-eval's tasks: the numbers are lm-eval's own, and the row says which task it was."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from harness.errors import DataError, UsageError
from harness.interfaces import Evidence
from harness.registry import Registry
from harness.runtime.scoring import applicable, compute
from harness.store import Store
from harness_language_modelling.baselines import ByteTable, baselines
from harness_language_modelling.evaluation import LmEvalTask, evidence_of
from harness_language_modelling.families import config_of, make, unsupported_of
from harness_language_modelling.locating import locate

pytestmark = pytest.mark.filterwarnings("default")
BUNDLED = ("identifier_choice", "identifier_cloze", "stdlib_stretches")


def drawn_table() -> ByteTable:
    generator = torch.Generator().manual_seed(0)
    return ByteTable(torch.randn(256, 256, generator=generator, dtype=torch.float64))


def evidence(name: str, module: torch.nn.Module, **options: object) -> Evidence:
    config = config_of(name).model_validate({"max_length": 300, "limit": 12, **options})
    task = LmEvalTask(located=locate(name), options=config)
    learner = SimpleNamespace(module=module)
    return task.evaluate(learner, None, "test", training=SimpleNamespace(batch_size=4), device=torch.device("cpu"))


@pytest.mark.parametrize("name", BUNDLED)
def test_values_and_standard_errors_are_those_of_lm_eval(registry: Registry, name: str) -> None:
    from lm_eval.evaluator import evaluate
    from lm_eval.tasks import TaskManager

    from harness.bridges.lm_eval import language_model
    from harness.bridges.lm_eval.tokenization import ByteTokenizer

    lm = language_model()(drawn_table(), ByteTokenizer(), vocab=256, max_length=300)
    located = locate(name)
    task = TaskManager(include_defaults=False).load([str(located.file)])["tasks"][located.name]
    theirs = evaluate(lm, {"tasks": {located.name: task}}, limit=12, bootstrap_iters=2)["results"][located.name]
    found = evidence(name, drawn_table())
    metrics = [registry.metrics[metric].spec for metric in make(name).metrics]
    ours = {metric.name.removeprefix("lm_eval_"): compute(metric, found).value for metric in applicable(metrics, found)}
    expected = {key.removesuffix(",none"): value for key, value in theirs.items() if key.endswith(",none")}
    shared = ours.keys() & expected.keys()
    assert {key: ours[key] for key in shared} == pytest.approx({key: expected[key] for key in shared})
    assert len(shared) >= 2
    if name == "identifier_choice":
        errors = {key: theirs[f"{key}_stderr,none"] for key in ("acc", "acc_norm")}
        assert {key: ours[f"{key}_stderr"] for key in errors} == pytest.approx(errors)


def test_knowing_nothing_takes_the_shortest_answer_and_8_bits_a_byte(registry: Registry, folder: Path) -> None:
    [(name, uniform), *_] = baselines(np.zeros((1, 4), dtype=np.uint8))
    assert name == "uniform"
    mine = evidence(f"{folder}/mine.yaml", uniform)
    assert mine.arrays["acc"].tolist() == [1.0, 1.0, 0.0]
    balanced = evidence("identifier_choice", uniform, limit=16)
    assert balanced.arrays["acc"].mean() == 0.25
    bits = compute(registry.metrics["lm_eval_bits_per_byte"].spec, evidence("stdlib_stretches", uniform))
    assert bits.value == pytest.approx(8, rel=1e-12)


def test_contexts_that_were_cut_are_counted(registry: Registry) -> None:
    spec = registry.metrics["lm_eval_truncated_contexts"].spec
    assert compute(spec, evidence("identifier_choice", drawn_table())).value == 0
    assert compute(spec, evidence("identifier_choice", drawn_table(), max_length=100)).value == 48


def test_few_shot_examples_stand_before_the_question(folder: Path) -> None:
    (folder / "shots.yaml").write_text(
        (folder / "mine.yaml").read_text().replace("my_choice", "my_shots") + "fewshot_split: test\n"
    )
    alone = evidence(f"{folder}/shots.yaml", drawn_table())
    with_shots = evidence(f"{folder}/shots.yaml", drawn_table(), num_fewshot=2, max_length=20)
    assert alone.arrays["truncated_contexts"].sum() == 0
    assert with_shots.arrays["truncated_contexts"].sum() > 0


def test_counts_of_bytes_are_probabilities() -> None:
    text = np.frombuffer(b"abracadabra" * 20, dtype=np.uint8).reshape(20, 11)
    tables = {name: torch.softmax(module.table, dim=-1) for name, module in baselines(text)}
    assert float(tables["uniform"][3, 5]) == pytest.approx(1 / 256)
    assert float(tables["byte_unigram"][0, ord("a")]) == pytest.approx((5 * 20 + 1) / (220 + 256))
    assert float(tables["byte_bigram"][ord("b"), ord("r")]) > 0.8
    assert all(float((table.sum(dim=-1) - 1).abs().max()) < 1e-9 for table in tables.values())


def test_a_metric_that_documents_lack_is_an_error() -> None:
    config = {"task": "x", "output_type": "multiple_choice", "metric_list": [{"metric": "acc"}]}
    with pytest.raises(DataError, match="left no acc for some documents"):
        evidence_of([{"doc_id": 0, "acc": 1.0}, {"doc_id": 1}], config)


def test_a_task_measured_by_something_else_is_refused(folder: Path) -> None:
    (folder / "odd.yaml").write_text(
        (folder / "mine.yaml").read_text().replace("metric: acc}, {metric: acc_norm", "metric: brier")
    )
    with pytest.raises(UsageError, match="none of the metrics that are taken over"):
        make(f"{folder}/odd.yaml")


def test_data_that_would_have_to_be_fetched_are_said_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    from harness_language_modelling import families

    families._reaches_hub.cache_clear()
    reason = unsupported_of("piqa")(config_of("piqa")())
    families._reaches_hub.cache_clear()
    assert "lm_eval:piqa reads baber/piqa from a hub, and there is no network" in reason
    assert unsupported_of("identifier_choice")(config_of("identifier_choice")()) is None


@pytest.mark.slow
def test_the_row_says_which_task_it_was_and_what_knows_nothing(harness, folder, tmp_path):
    small = [f"task.{option}" for option in ("length=32", "num_train=200", "num_validation=8", "max_length=64")]
    done = harness(
        "run", "suite=language-modelling", "scale=smoke", "model=lstm", f"task=lm_eval:{folder}/mine.yaml", *small
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [row] = Store(tmp_path / "results/local").read().table.to_dict("records")
    assert row["task"] == f"lm_eval:{folder}/mine.yaml"
    options = row["task_options"] if isinstance(row["task_options"], dict) else json.loads(row["task_options"])
    assert options["task_version"] == "3.1"
    assert options["task_digest"] == locate(f"{folder}/mine.yaml").digest
    assert row["metric"] == "lm_eval_acc"
    assert row["chance"] == 0.5
    assert {"uniform", "byte_unigram", "byte_bigram"} <= set(row["references"])
    assert math.isfinite(row["validation"])


def test_a_task_that_is_not_there_ends_the_plan_with_the_nearest(harness):
    done = harness("plan", "suite=language-modelling", "task=lm_eval:identifier_choise")
    assert done.returncode == 2
    assert "no task 'identifier_choise'" in done.stderr


def test_a_family_that_is_not_there_is_named(harness):
    done = harness("plan", "suite=language-modelling", "task=lm_evel:arc_easy")
    assert done.returncode == 2
    assert "no family of tasks is called 'lm_evel'; did you mean lm_eval?" in done.stderr
