"""The task that all datasets of token sequences share, with the default learner, and the metrics over its evidence."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from harness.errors import DataError
from harness.interfaces import IGNORE, Budget, BuiltDataset, DatasetRequest, Evidence, Training
from harness.runtime.learning import DefaultTokenLearner
from harness.runtime.seeding import SeedStreams
from harness.specs import Tier
from harness_long_context.metrics import accuracy, bits_per_byte, exact_match, nats_per_target, token_accuracy
from harness_long_context.sequence_task import SequenceTask, context_edges

CPU = torch.device("cpu")
REQUEST = DatasetRequest(name="none", options={})
TRAINING = Training(learning_rate=0.1, batch_size=16, evaluations=2)


def built(**splits: dict[str, np.ndarray]) -> BuiltDataset:
    return BuiltDataset(splits=splits, tier=Tier.EMBEDDED, provenance="", facts={"chance": 0.25, "other": 1.0})


def cycle(count: int, length: int, vocab: int) -> dict[str, np.ndarray]:
    """Sequences that count up modulo the vocabulary."""
    windows = (np.arange(count)[:, None] + np.arange(length + 1)) % vocab
    return {"inputs": windows[:, :-1].astype(np.uint8), "targets": windows[:, 1:].astype(np.int16)}


def task(length: int, vocab: int, **options: object) -> SequenceTask:
    return SequenceTask(dataset=REQUEST, vocab=vocab, length=length, train_length=length, **options)


@pytest.fixture
def table_learner() -> DefaultTokenLearner:
    torch.manual_seed(0)
    return DefaultTokenLearner(nn.Embedding(5, 5), training=TRAINING, steps=200)


def test_fit_learns_what_a_table_can(table_learner: DefaultTokenLearner, dataset: Callable) -> None:
    data = dataset(built(train=cycle(40, 7, 5), validation=cycle(10, 7, 5), test=cycle(10, 7, 5)))
    records: list[tuple[int, dict[str, float]]] = []
    counting = task(7, 5)
    outcome = counting.fit(
        table_learner,
        data,
        training=TRAINING,
        budget=Budget(steps=200),
        streams=SeedStreams(0),
        device=CPU,
        record=lambda step, values: records.append((step, dict(values))),
    )
    evidence = counting.evaluate(table_learner, data, "test", training=TRAINING, device=CPU)
    assert (outcome.examples, outcome.tokens) == (200 * 16, 200 * 16 * 7)
    assert token_accuracy(evidence).value == 1.0
    assert nats_per_target(evidence).value < 0.05
    assert [step for step, values in records if "validation_nats" in values] == [100, 200]


def test_same_seed_fits_the_same(dataset: Callable) -> None:
    data = dataset(built(train=cycle(40, 7, 5), validation=cycle(10, 7, 5), test=cycle(10, 7, 5)))
    losses = []
    for seed in (3, 3, 4):
        torch.manual_seed(0)
        learner = DefaultTokenLearner(nn.Embedding(5, 5), training=TRAINING, steps=5)
        outcome = task(7, 5).fit(
            learner,
            data,
            training=TRAINING,
            budget=Budget(steps=5),
            streams=SeedStreams(seed),
            device=CPU,
            record=lambda step, values: None,
        )
        losses.append(outcome.final_loss)
    assert losses[0] == losses[1] != losses[2]


def test_evaluation_does_not_train_and_leaves_the_module_in_evaluation_mode(dataset: Callable) -> None:
    class Dropped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.dropout = nn.Embedding(5, 5), nn.Dropout(0.5)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            return self.dropout(self.table(tokens))

    learner = DefaultTokenLearner(Dropped(), training=TRAINING, steps=1)
    learner.module.train()
    data = dataset(built(test=cycle(10, 7, 5)))
    first, second = (task(7, 5).evaluate(learner, data, "test", training=TRAINING, device=CPU) for _ in range(2))
    assert np.array_equal(first.arrays["nats"], second.arrays["nats"])


def test_uniform_outputs_cost_the_logarithm_of_the_vocabulary(dataset: Callable) -> None:
    learner = DefaultTokenLearner(nn.Embedding(5, 5), training=TRAINING, steps=1)
    nn.init.zeros_(learner.module.weight)
    evidence = task(7, 5).evaluate(learner, dataset(built(test=cycle(50, 7, 5))), "test", training=TRAINING, device=CPU)
    assert evidence.arrays["nats"] == pytest.approx(np.full(50, 7 * math.log(5)))
    assert nats_per_target(evidence).value == pytest.approx(math.log(5))
    assert bits_per_byte(evidence).value == pytest.approx(math.log2(5))


def test_unscored_positions_do_not_count(judge: Callable) -> None:
    arrays = cycle(20, 7, 5)
    arrays["targets"][:, :4] = IGNORE
    evidence = judge(task(7, 5), built(test=arrays), lambda inputs: (inputs + 1) % 5)
    assert (evidence.arrays["counted"] == 3).all()
    assert token_accuracy(evidence).n == 60


def test_one_class_is_read_from_the_mean_over_the_real_tokens(dataset: Callable) -> None:
    inputs = np.array([[1, 1, 2, 0], [2, 2, 1, 1]], dtype=np.uint8)
    arrays = {"inputs": inputs, "lengths": np.array([3, 3]), "labels": np.array([1, 2], dtype=np.uint8)}
    learner = DefaultTokenLearner(nn.Embedding(3, 3), training=TRAINING, steps=1)
    with torch.no_grad():
        learner.module.weight.copy_(torch.eye(3))
    evidence = task(4, 3).evaluate(learner, dataset(built(test=arrays)), "test", training=TRAINING, device=CPU)
    # The mean logits are (0, 2/3, 1/3) for the first and (0, 1/3, 2/3) for the second.
    expected = math.log(1 + math.exp(2 / 3) + math.exp(1 / 3)) - 2 / 3
    assert evidence.arrays["nats"] == pytest.approx([expected, expected])
    assert accuracy(evidence).value == 1.0


def test_evidence_is_sorted_by_how_much_context_there_was(judge: Callable) -> None:
    arrays = cycle(10, 40, 5)
    reading = task(40, 5, context_edges=context_edges(40))
    evidence = judge(reading, built(test=arrays), lambda inputs: (inputs + (np.arange(40) >= 15)) % 5)
    shares = {
        int(edge): float(evidence.arrays["correct"][evidence.groups["context"] == edge].mean()) for edge in (1, 16)
    }
    counted = {int(edge): evidence.arrays["counted"][evidence.groups["context"] == edge].sum() for edge in (1, 16)}
    assert shares == {1: 0.0, 16: 25.0}
    assert counted == {1: 150, 16: 250}


@pytest.mark.parametrize(
    ("length", "edges"),
    [(1, (1,)), (15, (1,)), (16, (1, 16)), (64, (1, 16, 64)), (255, (1, 16, 64)), (4096, (1, 16, 64, 256, 1024, 4096))],
)
def test_context_ranges_reach_the_longest_context(length: int, edges: tuple[int, ...]) -> None:
    assert context_edges(length) == edges


def test_groups_follow_their_examples(judge: Callable) -> None:
    arrays = cycle(100, 7, 5) | {"group_position": np.array(["start", "end"] * 50)}
    evidence = judge(
        task(7, 5), built(test=arrays), lambda inputs: (inputs + (np.arange(len(inputs)) % 2 == 0)[:, None]) % 5
    )
    right = evidence.arrays["correct"] > 4
    assert set(evidence.groups) == {"position"}
    assert set(evidence.groups["position"][right]) == {"start"}


def test_references_are_the_facts_of_the_data(dataset: Callable) -> None:
    assert task(7, 5).references(dataset(built(test=cycle(1, 7, 5)))) == {"chance": 0.25, "other": 1.0}


def test_sample_batch_is_a_training_batch(dataset: Callable) -> None:
    batch = task(7, 5).sample_batch(dataset(built(train=cycle(40, 7, 5))), training=TRAINING, device=CPU)
    assert batch.inputs.shape == batch.targets.shape == (16, 7)


def test_split_that_does_not_exist_is_named(dataset: Callable, judge: Callable) -> None:
    with pytest.raises(DataError, match="no split 'validation'"):
        judge(task(7, 5), built(test=cycle(1, 7, 5)), lambda inputs: inputs, "validation")


EVIDENCE = Evidence(
    arrays={
        "correct": np.array([2.0, 1.0, 0.0]),
        "counted": np.array([2.0, 2.0, 4.0]),
        "nats": np.array([0.0, 1.0, 7.0]),
    }
)


@pytest.mark.parametrize(
    ("metric", "value", "n"),
    [
        pytest.param(token_accuracy, 3 / 8, 8, id="token_accuracy"),
        pytest.param(exact_match, 1 / 3, 3, id="exact_match"),
        pytest.param(nats_per_target, 1.0, 8, id="nats_per_target"),
        pytest.param(bits_per_byte, 1 / math.log(2), 8, id="bits_per_byte"),
    ],
)
def test_metric_has_its_closed_form(metric: Callable, value: float, n: int) -> None:
    measured = metric(EVIDENCE)
    assert (measured.value, measured.n) == (pytest.approx(value), n)
