"""Selective copying, induction, recall and passkey: a program that knows the rule scores one, a guess scores chance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from harness.interfaces import IGNORE
from harness.runtime.seeding import SeedStreams
from harness_long_context import induction_heads, mqar, passkey, selective_copying, tasks
from harness_long_context.metrics import accuracy, exact_match, token_accuracy

STREAMS = SeedStreams(0, "tests")
COUNTS = {"num_train": 400, "num_validation": 50, "num_test": 200}
COPYING = selective_copying.SelectiveCopyingConfig(**COUNTS, length=24, num_tokens=4, vocab=10)
INDUCTION = induction_heads.InductionHeadsConfig(**COUNTS, length=17, vocab=9, test_lengths=(3, 40))
RECALL = mqar.MqarConfig(**COUNTS, length=32, num_pairs=8, vocab=32)
NOISY_RECALL = RECALL.model_copy(update={"random_non_queries": True})
PASSKEY = passkey.PasskeyConfig(**COUNTS, length=48, test_lengths=(25, 100))


def copy_data_tokens(inputs: np.ndarray) -> np.ndarray:
    answers = inputs.copy()
    for row, tokens in zip(answers, inputs, strict=True):
        row[-4:] = tokens[tokens > selective_copying.MARKER]
    return answers


def recall_after_special(inputs: np.ndarray) -> np.ndarray:
    answers = inputs.copy()
    for row, tokens in zip(answers, inputs, strict=True):
        row[-1] = tokens[tokens.tolist().index(induction_heads.SPECIAL) + 1]
    return answers


def look_up_pairs(inputs: np.ndarray) -> np.ndarray:
    context = 2 * RECALL.num_pairs
    answers = np.zeros_like(inputs)
    for row, tokens in zip(answers, inputs.tolist(), strict=True):
        values = dict(zip(tokens[0:context:2], tokens[1:context:2], strict=True))
        row[:] = [values.get(token, 0) for token in tokens]
    return answers


def read_stated_key(inputs: np.ndarray) -> np.ndarray:
    statement = passkey.encode(passkey.STATEMENT).tolist()
    answers = np.zeros_like(inputs)
    for row, tokens in zip(answers, inputs.tolist(), strict=True):
        places = range(len(tokens) - 9)
        start = next(i + 4 for i in places if tokens[i : i + 4] == statement and tokens[i + 4] < 10)
        row[-5:] = tokens[start : start + 5]
    return answers


CASES = [
    pytest.param(selective_copying, tasks.selective_copying, COPYING, copy_data_tokens, id="selective_copying"),
    pytest.param(induction_heads, tasks.induction_heads, INDUCTION, recall_after_special, id="induction_heads"),
    pytest.param(mqar, tasks.mqar, RECALL, look_up_pairs, id="mqar"),
    pytest.param(mqar, tasks.mqar, NOISY_RECALL, look_up_pairs, id="mqar-random-tokens"),
    pytest.param(passkey, tasks.passkey, PASSKEY, read_stated_key, id="passkey"),
]


@pytest.mark.parametrize(("module", "make_task", "config", "rule"), CASES)
def test_rule_solves_the_task_exactly(module, make_task, config, rule, judge: Callable) -> None:
    evidence = judge(make_task(config), module.build(config, STREAMS), rule)
    assert token_accuracy(evidence).value == 1.0
    assert exact_match(evidence).value == 1.0


@pytest.mark.parametrize(("module", "make_task", "config", "rule"), CASES)
def test_answer_shifted_by_one_symbol_is_never_right(module, make_task, config, rule, judge: Callable) -> None:
    task = make_task(config)
    evidence = judge(task, module.build(config, STREAMS), lambda inputs: (rule(inputs) + 1) % task.vocab)
    assert token_accuracy(evidence).value == 0.0


@pytest.mark.parametrize(("module", "make_task", "config", "rule"), CASES)
def test_same_stream_gives_same_data(module, make_task, config, rule) -> None:
    first, second = module.build(config, STREAMS), module.build(config, STREAMS)
    assert all(
        np.array_equal(array, second.splits[split][name])
        for split, arrays in first.splits.items()
        for name, array in arrays.items()
    )


@pytest.mark.parametrize(("module", "make_task", "config", "rule"), CASES)
def test_no_example_is_in_two_splits(module, make_task, config, rule) -> None:
    splits = module.build(config, STREAMS).splits
    rows = np.concatenate([splits[split]["inputs"] for split in ("train", "validation", "test")])
    assert len(np.unique(rows, axis=0)) == len(rows) == 650


@pytest.mark.parametrize(("module", "make_task", "config", "rule"), CASES)
def test_tokens_fit_the_vocabulary(module, make_task, config, rule) -> None:
    task, splits = make_task(config), module.build(config, STREAMS).splits
    assert max(int(arrays["inputs"].max()) for arrays in splits.values()) < task.vocab
    assert max(arrays["inputs"].shape[1] for arrays in splits.values()) == task.describe().length


@pytest.mark.parametrize(
    ("module", "make_task", "config", "low", "high"),
    [
        pytest.param(selective_copying, tasks.selective_copying, COPYING, 2, 10, id="selective_copying"),
        pytest.param(induction_heads, tasks.induction_heads, INDUCTION, 1, 9, id="induction_heads"),
        pytest.param(mqar, tasks.mqar, RECALL, 16, 32, id="mqar"),
        pytest.param(passkey, tasks.passkey, PASSKEY, 0, 10, id="passkey"),
    ],
)
def test_guessing_among_the_possible_answers_scores_chance(module, make_task, config, low, high, judge) -> None:
    config = config.model_copy(update={"num_test": 4000})
    built, generator = module.build(config, STREAMS), np.random.default_rng(1)
    evidence = judge(make_task(config), built, lambda inputs: generator.integers(low, high, inputs.shape))
    measured, chance = token_accuracy(evidence), built.facts["chance"]
    assert abs(measured.value - chance) < 5 * np.sqrt(chance * (1 - chance) / measured.n)


def test_copying_scores_only_the_markers() -> None:
    arrays = selective_copying.build(COPYING, STREAMS).splits["test"]
    assert (arrays["inputs"][:, -4:] == selective_copying.MARKER).all()
    assert (arrays["targets"][:, :-4] == IGNORE).all()
    assert ((arrays["inputs"][:, :-4] != selective_copying.NOISE).sum(axis=1) == 4).all()


def test_copying_places_are_uniform() -> None:
    config = COPYING.model_copy(update={"num_test": 6000})
    inputs = selective_copying.build(config, STREAMS).splits["test"]["inputs"][:, :24]
    occupied = (inputs != selective_copying.NOISE).mean(axis=0)
    expected = 4 / 24
    assert np.abs(occupied - expected).max() < 5 * np.sqrt(expected * (1 - expected) / 6000)


def test_special_token_occurs_once_before_the_end() -> None:
    inputs = induction_heads.build(INDUCTION, STREAMS).splits["test"]["inputs"]
    assert (inputs[:, -1] == induction_heads.SPECIAL).all()
    assert ((inputs[:, :-2] == induction_heads.SPECIAL).sum(axis=1) == 1).all()
    assert (inputs[:, -2] != induction_heads.SPECIAL).all()


@pytest.mark.parametrize(
    ("module", "make_task", "config", "rule", "lengths"),
    [
        pytest.param(induction_heads, tasks.induction_heads, INDUCTION, recall_after_special, (3, 40), id="induction"),
        pytest.param(passkey, tasks.passkey, PASSKEY, read_stated_key, (25, 100), id="passkey"),
    ],
)
def test_further_lengths_are_splits_of_that_length_and_solved(module, make_task, config, rule, lengths, judge) -> None:
    task, built = make_task(config), module.build(config, STREAMS)
    assert dict(task.extra_splits) == {f"test_{length}": f"length={length}" for length in lengths}
    assert [built.splits[split]["inputs"].shape[1] for split in task.extra_splits] == list(lengths)
    assert [token_accuracy(judge(task, built, rule, split)).value for split in task.extra_splits] == [1.0, 1.0]


def test_position_group_follows_the_place_of_the_answer() -> None:
    arrays = induction_heads.build(INDUCTION, STREAMS).splits["test"]
    places = (arrays["inputs"] == induction_heads.SPECIAL).argmax(axis=1)
    names = [sorted(set(arrays["group_position"][places == place])) for place in range(15)]
    assert names == [["start"]] * 5 + [["middle"]] * 5 + [["end"]] * 5


def test_recall_is_scored_at_each_key_once() -> None:
    arrays = mqar.build(RECALL, STREAMS).splits["test"]
    scored = arrays["targets"] != IGNORE
    context = 2 * RECALL.num_pairs
    assert (scored.sum(axis=1) == RECALL.num_pairs).all()
    assert not scored[:, :context].any()
    asked = np.sort(arrays["inputs"][scored].reshape(-1, RECALL.num_pairs), axis=1)
    assert np.array_equal(asked, np.sort(arrays["inputs"][:, 0:context:2], axis=1))


def test_keys_and_values_are_unique_and_from_their_halves() -> None:
    inputs = mqar.build(RECALL, STREAMS).splits["test"]["inputs"]
    keys, values = inputs[:, 0:16:2], inputs[:, 1:16:2]
    assert ((keys >= 1) & (keys < 16)).all()
    assert ((values >= 16) & (values < 32)).all()
    assert all(len(set(row)) == 8 for row in [*keys.tolist(), *values.tolist()])


def test_between_queries_stands_the_filler() -> None:
    arrays = mqar.build(RECALL, STREAMS).splits["test"]
    rest = arrays["inputs"][:, 16:][arrays["targets"][:, 16:] == IGNORE]
    assert (rest == mqar.FILLER).all()


def test_gap_of_a_lone_key_follows_the_power_law() -> None:
    config = mqar.MqarConfig(num_train=1, num_validation=1, num_test=20_000, length=22, num_pairs=1, vocab=2**15)
    arrays = mqar.build(config, STREAMS).splits["test"]
    slots = ((arrays["targets"] != IGNORE).argmax(axis=1) - 2) // 2
    law = np.arange(1.0, 11.0) ** (0.01 - 1)
    law /= law.sum()
    measured = np.bincount(slots, minlength=10) / 20_000
    assert np.abs(measured - law).max() < 5 * np.sqrt(law[0] * (1 - law[0]) / 20_000)


def test_key_sentence_starts_where_a_sentence_may() -> None:
    inputs = passkey.build(PASSKEY, STREAMS).splits["test"]["inputs"]
    stop = passkey.encode(["."])[0]
    is_key_digit = inputs[:, :-15] < passkey.NUM_DIGIT_SYMBOLS
    start = is_key_digit.argmax(axis=1) - len(passkey.STATEMENT)
    before = inputs[np.arange(len(inputs)), np.maximum(start - 1, 0)]
    assert ((start == 0) | (before == stop)).all()


def test_key_lies_everywhere() -> None:
    groups = passkey.build(PASSKEY, STREAMS).splits["train"]["group_position"]
    names, counts = np.unique(groups, return_counts=True)
    assert names.tolist() == ["end", "middle", "start"]
    assert counts.min() > 80


def test_accuracy_refuses_examples_with_several_answers(judge: Callable) -> None:
    evidence = judge(tasks.mqar(RECALL), mqar.build(RECALL, STREAMS), look_up_pairs)
    with pytest.raises(ValueError, match="8 scored targets"):
        accuracy(evidence)


@pytest.mark.parametrize(
    ("config", "options", "said"),
    [
        pytest.param(mqar.MqarConfig, {"length": 63}, "length=63 is odd; .* use 64", id="odd"),
        pytest.param(mqar.MqarConfig, {"length": 32, "num_pairs": 9}, "at most 8 pairs or length=36", id="pairs"),
        pytest.param(mqar.MqarConfig, {"vocab": 8}, "use at least 10", id="few-keys"),
        pytest.param(selective_copying.SelectiveCopyingConfig, {"length": 3}, "use at most 3", id="places"),
        pytest.param(induction_heads.InductionHeadsConfig, {"test_lengths": (64, 64)}, "repeats a length", id="twice"),
        pytest.param(induction_heads.InductionHeadsConfig, {"test_lengths": (2,)}, "below 3", id="short-test"),
        pytest.param(passkey.PasskeyConfig, {"length": 24}, "take 25 tokens", id="short-passkey"),
        pytest.param(passkey.PasskeyConfig, {"test_lengths": (24,)}, "below 25", id="short-passkey-test"),
        pytest.param(mqar.MqarConfig, {"num_train": 0}, "greater than 0", id="no-examples"),
        pytest.param(mqar.MqarConfig, {"pairs": 4}, "Extra inputs", id="unknown-option"),
    ],
)
def test_options_that_do_not_fit_say_what_does(config: type[BaseModel], options: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        config(**options)
