"""The bridge against lm-eval's own wrapper of `transformers`: the same folders, the same tasks, every output type."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from lm_eval.api.model import LM
from lm_eval.evaluator import evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from harness.bridges.lm_eval import language_model

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]
MAX_LENGTH = 160
TASKS = ("local_choice", "local_cloze", "local_rolling", "local_writing")
BATCH_SIZES = (1, 3, 16)


def answers_of(lm: LM, tasks: Path) -> Mapping[str, Any]:
    loaded = TaskManager(include_path=str(tasks), include_defaults=False).load(list(TASKS))
    found = evaluate(lm, loaded, bootstrap_iters=0, log_samples=True)
    assert found is not None
    return found


def responses(answers: Mapping[str, Any], task: str) -> list[Any]:
    return [sample["resps"] for sample in answers["samples"][task]]


@pytest.fixture(scope="module", params=["mamba", "gpt_neox"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def theirs(name: str, checkpoints: Mapping[str, Path], task_folder: Path) -> Mapping[int, Mapping[str, Any]]:
    folder = str(checkpoints[name])
    return {
        batch_size: answers_of(
            HFLM(pretrained=folder, batch_size=batch_size, device="cpu", dtype="float32", max_length=MAX_LENGTH),
            task_folder,
        )
        for batch_size in BATCH_SIZES
    }


@pytest.fixture(scope="module", params=BATCH_SIZES, ids=lambda size: f"batch{size}")
def both(
    request: pytest.FixtureRequest,
    name: str,
    theirs: Mapping[int, Mapping[str, Any]],
    checkpoints: Mapping[str, Path],
    task_folder: Path,
) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    lm = language_model().create_from_arg_obj(
        {"checkpoint": str(checkpoints[name]), "max_length": MAX_LENGTH, "batch_size": request.param}
    )
    assert lm.module is not None
    return answers_of(lm, task_folder), theirs[request.param]


@pytest.mark.parametrize("task", ["local_choice", "local_cloze"])
def test_log_likelihoods_agree(both: tuple[Mapping[str, Any], Mapping[str, Any]], task: str) -> None:
    ours, theirs = (responses(answers, task) for answers in both)
    for mine, other in zip(ours, theirs, strict=True):
        for [(nats, greedy)], [(their_nats, their_greedy)] in zip(mine, other, strict=True):
            assert nats == pytest.approx(their_nats, abs=1e-4)
            assert greedy == their_greedy


def test_rolling_log_likelihoods_agree(both: tuple[Mapping[str, Any], Mapping[str, Any]]) -> None:
    ours, theirs = (responses(answers, "local_rolling") for answers in both)
    assert [mine[0][0] for mine in ours] == pytest.approx([other[0][0] for other in theirs], abs=1e-4)


def test_generations_are_the_same(both: tuple[Mapping[str, Any], Mapping[str, Any]]) -> None:
    ours, theirs = (responses(answers, "local_writing") for answers in both)
    assert ours == theirs
    assert len({text for [[text]] in ours}) > 5


@pytest.mark.parametrize("task", TASKS)
def test_metrics_agree(both: tuple[Mapping[str, Any], Mapping[str, Any]], task: str) -> None:
    ours, theirs = (
        {name: value for name, value in answers["results"][task].items() if isinstance(value, float)}
        for answers in both
    )
    assert ours == pytest.approx(theirs, rel=1e-4)
    assert len(ours) >= 1
