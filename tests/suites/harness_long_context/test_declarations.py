"""Every declared task, dataset and metric loads, and each dataset keeps the convention for token sequences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.configuration import parse_config
from harness.interfaces import IGNORE
from harness.runtime.seeding import SeedStreams
from harness_data import plugin as data_plugin
from harness_data.spam_assassin import LABELS
from harness_long_context import plugin
from harness_long_context.sequence_task import SequenceTask

TASKS = {spec.name: spec for spec in plugin.harness_tasks()}
DATASETS = {spec.name: spec for spec in plugin.harness_datasets()}
COUNTS = {"num_train": 30, "num_validation": 10, "num_test": 10}
OPTIONS = {
    "selective_copying": COUNTS,
    "induction_heads": COUNTS | {"test_lengths": [40]},
    "mqar": COUNTS,
    "passkey": COUNTS | {"test_lengths": [140]},
    "listops": COUNTS | {"min_length": 5, "max_length": 30},
    "pathfinder": COUNTS,
    "pixels": {},
    "text_lm": COUNTS | {"length": 32},
    "text_classification": {"length": 32},
}


@pytest.fixture
def options(tmp_path: Path) -> dict[str, dict]:
    for name in LABELS:
        (tmp_path / name).mkdir()
        for index in range(10):
            (tmp_path / name / f"{index}.txt").write_text(f"From: x\n\n{name} {index}")
    return OPTIONS | {"text_classification": {"length": 32, "folder": str(tmp_path)}}


@pytest.mark.parametrize("name", TASKS)
def test_task_asks_for_the_dataset_that_its_options_describe(name: str, options: dict[str, dict]) -> None:
    spec = TASKS[name]
    config = parse_config(spec.config.load(), options[name], name)
    task = spec.build.load()(config)
    assert isinstance(task, SequenceTask)
    assert task.dataset.name == name
    assert parse_config(DATASETS[name].config.load(), task.dataset.options, name) == config


@pytest.mark.parametrize("name", TASKS)
def test_dataset_keeps_the_convention(name: str, options: dict[str, dict]) -> None:
    config = parse_config(TASKS[name].config.load(), options[name], name)
    task, built = TASKS[name].build.load()(config), DATASETS[name].build.load()(config, SeedStreams(0, name))
    assert set(built.splits) == {"train", "validation", "test", *task.extra_splits}
    assert built.facts["chance"] > 0
    assert built.provenance
    for arrays in built.splits.values():
        count, length = arrays["inputs"].shape
        assert {len(array) for array in arrays.values()} == {count}
        assert arrays["inputs"].dtype in (np.uint8, np.uint16)
        assert arrays["inputs"].max() < task.vocab
        assert length <= task.describe().length
        assert set(arrays) & {"targets", "labels"}
        scored = arrays["labels"] if "labels" in arrays else arrays["targets"][arrays["targets"] != IGNORE]
        assert 0 <= scored.min() <= scored.max() < task.vocab


@pytest.mark.parametrize("name", DATASETS)
def test_fingerprint_is_stable(name: str, options: dict[str, dict]) -> None:
    spec = DATASETS[name]
    config = parse_config(spec.config.load(), options[name], name)
    stamps = {spec.fingerprint.load()(config) for _ in range(2)} if spec.fingerprint else {""}
    assert len(stamps) == 1


@pytest.mark.parametrize("spec", plugin.harness_metrics(), ids=lambda spec: spec.name)
def test_metric_loads(spec) -> None:
    assert callable(spec.compute.load())


@pytest.mark.parametrize("spec", data_plugin.harness_datasets(), ids=lambda spec: spec.name)
def test_shared_dataset_loads(spec) -> None:
    assert callable(spec.build.load())
    assert spec.config.load().model_fields is not None


def test_every_metric_of_a_task_is_declared() -> None:
    declared = {spec.name for spec in plugin.harness_metrics()}
    assert {metric for spec in TASKS.values() for metric in spec.metrics} <= declared
