"""Side by side computes what a loop computes that learns a round late."""

import time

import numpy as np
import pytest

from harness_atari.chain import Chain
from harness_atari.rounds import rounds_of

ROUNDS = 300


def played(learner, *, overlap, environments=None):
    environments = environments or Chain(5, num_envs=3, seed=0)
    environments.reset()
    with rounds_of(learner, environments, overlap=overlap) as rounds:
        for turn in range(ROUNDS):
            rounds.act()
            rounds.learn(last=turn == ROUNDS - 1)
    return learner


def one_round_late(learner):
    environments = Chain(5, num_envs=3, seed=0)
    environments.reset()
    before = environments.step(learner.act(environments.observations))
    for _ in range(ROUNDS - 1):
        newest = environments.step(learner.act(environments.observations))
        learner.observe(before)
        before = newest
    learner.observe(before)
    return learner


class Late(Chain):
    """A chain whose steps take longer than learning."""

    def step(self, actions):
        time.sleep(0.0005)
        return super().step(actions)


class Broken(Chain):
    """A chain that breaks at its third step."""

    turns = 0

    def step(self, actions):
        self.turns += 1
        if self.turns == 3:
            raise RuntimeError("the chain is broken")
        return super().step(actions)


def test_side_by_side_is_learning_a_round_late(tabular):
    ours, expected = played(tabular(), overlap=True), one_round_late(tabular())
    np.testing.assert_array_equal(ours.table, expected.table)
    np.testing.assert_array_equal(ours.chosen, expected.chosen)


def test_it_does_not_matter_which_is_done_first(tabular):
    slow = played(tabular(), overlap=True, environments=Late(5, num_envs=3, seed=0))
    np.testing.assert_array_equal(slow.table, played(tabular(), overlap=True).table)


@pytest.mark.parametrize(
    ("overlap", "known"),
    [(False, list(range(ROUNDS))), (True, [0, *range(ROUNDS - 1)])],
    ids=["in-turn", "side-by-side"],
)
def test_actions_are_chosen_by_what_was_learnt_until_then(tabular, overlap, known):
    assert played(tabular(), overlap=overlap).known == known


@pytest.mark.parametrize("overlap", [False, True], ids=["in-turn", "side-by-side"])
def test_every_round_is_learnt_from_once(fixed, overlap):
    seen = played(fixed((0.0, 1.0)), overlap=overlap).seen
    assert len(seen) == ROUNDS
    assert len({id(step) for step in seen}) == ROUNDS


@pytest.mark.parametrize("overlap", [False, True], ids=["in-turn", "side-by-side"])
def test_what_an_environment_raises_comes_out_as_it_is(fixed, overlap):
    with pytest.raises(RuntimeError, match="the chain is broken"):
        played(fixed((0.0, 1.0)), overlap=overlap, environments=Broken(5, num_envs=3, seed=0))
