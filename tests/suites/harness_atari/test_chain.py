import numpy as np
import pytest

from harness_atari.chain import LEFT, RIGHT, Chain, optimal_values


def test_the_values_solve_bellmans_equation():
    num_states, discount = 7, 0.9
    found = optimal_values(num_states, discount)
    best = found.max(axis=1)
    left = discount * best[[0, 0, 1, 2, 3, 4, 5]]
    right = np.append(discount * best[1:], 1.0)
    np.testing.assert_allclose(found, np.stack([left, right], axis=1), rtol=1e-12)


def test_going_right_ends_with_the_reward():
    chain = Chain(5, num_envs=3, seed=0)
    chain.reset()
    steps = [chain.step(np.full(3, RIGHT)) for _ in range(50)]
    ends = np.stack([step.terminated for step in steps])
    np.testing.assert_array_equal(np.stack([step.rewards for step in steps]), ends)
    assert not any(step.truncated.any() for step in steps)


def test_going_left_is_cut_after_twice_the_states():
    chain = Chain(5, num_envs=1, seed=0)
    chain.reset()
    steps = [chain.step(np.array([LEFT])) for _ in range(10)]
    assert [bool(step.truncated[0]) for step in steps] == [False] * 9 + [True]
    assert (chain.ended[0].score, chain.ended[0].length) == (0.0, 10)


def test_a_cut_walk_shows_where_it_was():
    chain = Chain(5, num_envs=1, seed=0)
    chain.reset()
    last = [chain.step(np.array([LEFT])) for _ in range(10)][-1]
    assert last.next_observations[0].argmax() == 0


@pytest.mark.parametrize("seed", [0, 1])
def test_a_seed_gives_the_same_walks_again(seed):
    chain = Chain(9, num_envs=4, seed=seed)
    first, again = chain.reset(), chain.reset()
    np.testing.assert_array_equal(first, again)
