"""Agents that learn nothing: shares of actions, and the action that scored best."""

import numpy as np
import pytest
import torch

from harness.errors import UsageError
from harness.runtime.sizing import count_parameters

SEEN = np.zeros((2, 5), np.float32)


def test_random_actions_are_uniform(agent):
    actions = agent("random_agent").act(np.zeros((90_000, 5), np.float32))
    np.testing.assert_allclose(np.bincount(actions, minlength=3) / 90_000, 1 / 3, atol=0.01)


def test_the_largest_random_value_is_uniform(agent):
    best = agent("random_agent").values(np.zeros((90_000, 5), np.float32)).argmax(axis=1)
    np.testing.assert_allclose(np.bincount(best, minlength=3) / 90_000, 1 / 3, atol=0.01)


@pytest.mark.parametrize("name", ["random_agent", "constant_agent"])
def test_there_is_nothing_to_train(agent, name):
    assert count_parameters(agent(name).module) == 0


@pytest.mark.parametrize("name", ["random_agent", "constant_agent"])
def test_nothing_is_measured(agent, step, name):
    ours = agent(name)
    ours.act(SEEN)
    assert ours.observe(step(2)) == {}


@pytest.mark.parametrize("name", ["random_agent", "constant_agent"])
def test_the_network_gives_one_value_an_action(agent, name):
    assert agent(name).module(torch.zeros(2, 4, 8, 8, dtype=torch.uint8)).shape == (2, 3)


def test_a_given_action_is_taken(agent):
    ours = agent("constant_agent", action=2)
    assert ours.act(SEEN).tolist() == ours.values(SEEN).argmax(axis=1).tolist() == [2, 2]


def test_an_action_that_there_is_not_is_refused(agent):
    with pytest.raises(UsageError, match=r"constant_agent\.action=3: there are 3 actions, from 0 to 2"):
        agent("constant_agent", action=3)


def played(ours, step, rewards, restarted):
    """The actions of two environments at each step."""
    actions = []
    for gained, ended in zip(rewards, restarted, strict=True):
        actions.append(ours.act(SEEN).tolist())
        ends = np.array(ended, bool)
        ours.observe(step(2, rewards=np.array(gained, float), terminated=ends, restarted=ends))
    return actions


def test_each_action_is_held_for_an_episode(agent, step):
    actions = played(agent("constant_agent"), step, [(0, 0)] * 4, [(0, 0), (0, 1), (1, 0), (0, 0)])
    assert actions == [[0, 1], [0, 1], [0, 2], [0, 2]]


def test_values_are_mean_scores_of_episodes(agent, step):
    ours = agent("constant_agent")
    played(ours, step, [(1, 2), (3, 4), (5, 6)], [(0, 0), (1, 1), (1, 1)])
    # Action 0 scored 1 + 3 and then, in the second environment, 6; action 1 2 + 4; action 2 5.
    assert ours.values(SEEN)[0].tolist() == [5.0, 6.0, 5.0]


def test_an_episode_that_goes_on_counts_where_no_other_ended(agent, step):
    ours = agent("constant_agent")
    played(ours, step, [(1, -2)], [(0, 0)])
    assert ours.values(SEEN)[0].tolist() == [1.0, -2.0, -3.0]


def test_an_episode_that_was_left_does_not_count_and_its_action_is_held_for_another(agent, step):
    ours = agent("constant_agent")
    ours.act(SEEN)
    ours.observe(step(2, rewards=np.array([5.0, 7.0]), restarted=np.array([True, False])))
    ours.observe(step(2, rewards=np.array([1.0, 1.0]), restarted=np.array([False, False])))
    assert ours.values(SEEN)[0].tolist() == [1.0, 8.0, -1.0]
    assert ours.act(SEEN).tolist() == [0, 1]


def test_random_play_needs_no_steps(agent):
    assert agent("random_agent").done()


def test_a_given_action_needs_no_steps(agent):
    assert agent("constant_agent", action=1).done()


def test_the_best_action_is_known_once_each_was_held_for_the_episodes_asked_for(agent, step):
    ours = agent("constant_agent", episodes=1)
    played(ours, step, [(0, 0)], [(1, 1)])
    assert not ours.done()
    played(ours, step, [(0, 0)], [(1, 0)])
    assert ours.done()
