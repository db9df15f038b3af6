import numpy as np
import pytest

from harness_atari.chain import Chain
from harness_atari.playing import constant, gather_states, greedy, play, uniform, watch


class Drawing:
    """Values every action anew at each call."""

    def __init__(self) -> None:
        self._generator = np.random.default_rng(0)

    def values(self, observations):
        return self._generator.random((len(observations), 2))


@pytest.fixture
def drawing():
    return Drawing()


def chain(num_envs: int = 4) -> Chain:
    return Chain(5, num_envs=num_envs, seed=0)


def test_every_environment_plays_as_many_episodes(fixed):
    played = play(greedy(fixed((0.0, 1.0)), 0.0, np.random.default_rng(0)), chain(), 3)
    assert played.scores.shape == played.lengths.shape == (3, 4)
    assert (played.scores == 1).all()
    assert played.lengths.max() <= 5


def test_an_action_held_is_that_of_its_environment():
    held = np.array([0, 1, 0, 1])
    played = play(constant(held, 2, 0.0, np.random.default_rng(0)), chain())
    np.testing.assert_array_equal(played.scores[0], held)


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 1.0])
def test_epsilon_is_the_share_of_any_action(fixed, epsilon):
    policy = greedy(fixed((0.0, 0.0, 1.0, 0.0)), epsilon, np.random.default_rng(0))
    others = (policy(np.zeros((40_000, 1))) != 2).mean()
    assert others == pytest.approx(0.75 * epsilon, abs=0.01)


def watched(learner, *, epsilon=0.0, limit=100):
    return list(watch(learner, chain(), epsilon=epsilon, generator=np.random.default_rng(0), limit=limit))


def test_a_watched_game_is_one_episode(fixed):
    seen = watched(fixed((0.0, 1.0)))
    assert [int(moment.observation.argmax()) for moment in seen] == list(range(5 - len(seen), 5))
    assert [moment.reward for moment in seen] == [0.0] * (len(seen) - 1) + [1.0]


def test_a_watched_game_is_no_longer_than_asked(fixed):
    assert len(watched(fixed((1.0, 0.0)), limit=3)) == 3


def test_a_moment_has_the_values_that_were_acted_on(drawing):
    moments = watched(drawing)
    assert [moment.action for moment in moments] == [int(moment.values.argmax()) for moment in moments]
    assert len({moment.values.tobytes() for moment in moments}) == len(moments)


def test_a_watched_game_is_that_of_the_policy(fixed):
    environments, seen = chain(), watched(fixed((0.0, 1.0)), epsilon=0.5)
    policy = greedy(fixed((0.0, 1.0)), 0.5, np.random.default_rng(0))
    environments.reset()
    assert [int(environments.step(policy(environments.observations)).actions[0]) for _ in seen] == [
        moment.action for moment in seen
    ]


def test_as_many_states_are_gathered_as_asked():
    assert gather_states(chain(), 10, 0).shape == (10, 5)


def test_the_same_seed_gathers_the_same_states():
    np.testing.assert_array_equal(gather_states(chain(), 30, 1), gather_states(chain(), 30, 1))


def test_random_play_takes_every_action_equally_often():
    taken = np.bincount(uniform(4, np.random.default_rng(0))(np.zeros(40_000)))
    assert taken / 40_000 == pytest.approx([0.25] * 4, abs=0.01)
