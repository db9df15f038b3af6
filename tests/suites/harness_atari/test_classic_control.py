import numpy as np
import pytest

from harness.errors import UsageError
from harness_atari.classic_control import ClassicControl

pytest.importorskip("gymnasium", reason="the environments are the extra `atari`")


def test_steps_equal_those_of_a_single_environment():
    import gymnasium

    alone = gymnasium.make("CartPole-v1")
    copies = ClassicControl("CartPole-v1", num_envs=1, seed=3)
    seen, _ = alone.reset(seed=3)
    np.testing.assert_array_equal(copies.reset()[0], seen)
    for action in (0, 1, 1, 0):
        seen, reward, *_ = alone.step(action)
        step = copies.step(np.array([action]))
        np.testing.assert_array_equal(step.next_observations[0], seen)
        assert step.rewards[0] == reward


def test_an_ended_episode_shows_its_last_state_and_the_next_one_begins():
    copies = ClassicControl("CartPole-v1", num_envs=1, seed=0)
    copies.reset()
    steps = [copies.step(np.array([1])) for _ in range(12)]
    (end,) = [step for step in steps if step.restarted[0]]
    assert end.terminated[0]
    # The pole fell further than 12 degrees; an episode begins within 0.05 of upright.
    assert abs(end.next_observations[0, 2]) > 0.2
    after = steps[[step is end for step in steps].index(True) + 1]
    assert np.abs(after.observations[0]).max() <= 0.05


def test_an_unknown_environment_suggests_the_nearest():
    with pytest.raises(UsageError, match="CartPole-v1"):
        ClassicControl("CartPol-v1", num_envs=1, seed=0)


def test_continuous_actions_are_refused_with_the_way_out():
    with pytest.raises(UsageError, match=r"Pendulum-v1: an action is Box.* take an environment whose actions"):
        ClassicControl("Pendulum-v1", num_envs=1, seed=0)


def test_observations_that_are_no_numbers_are_refused_with_the_way_out():
    with pytest.raises(UsageError, match=r"FrozenLake-v1: an observation is Discrete"):
        ClassicControl("FrozenLake-v1", num_envs=1, seed=0)


def test_pictures_of_unknown_meaning_are_refused_with_the_way_out(monkeypatch):
    import gymnasium

    class Pictures(gymnasium.Env):
        action_space = gymnasium.spaces.Discrete(2)
        observation_space = gymnasium.spaces.Box(0, 255, (84, 84, 3), np.uint8)

    monkeypatch.setitem(gymnasium.registry, "Pictures-v0", gymnasium.envs.registration.EnvSpec("Pictures-v0", Pictures))
    with pytest.raises(UsageError, match=r"Pictures-v0: an observation is Box.* or the task `atari` for pictures"):
        ClassicControl("Pictures-v0", num_envs=1, seed=0)
