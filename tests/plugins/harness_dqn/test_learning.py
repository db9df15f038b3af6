"""What is learnt where the best is known."""

import numpy as np
import pytest

from harness.interfaces import Training

EXPLORING = {"learning_starts": 100, "final_epsilon": 1.0, "replay_frames": 10_000, "steps_per_update": 2}
AGENTS = {
    "dqn_2013": (3e-4, EXPLORING),
    "dqn_2015": (3e-4, EXPLORING | {"target_updates": 50}),
    "double_dqn": (3e-4, EXPLORING | {"target_updates": 50}),
    "dqn_sample_efficient": (1e-3, EXPLORING | {"target_updates": 50, "num_returns": 1}),
    "pqn": (1e-3, {"trace": 0.0, "rollout": 4, "final_epsilon": 1.0}),
}


@pytest.mark.parametrize("name", AGENTS)
def test_values_of_the_line_are_within_a_hundredth_of_the_optimal_ones(agent, line, train, name):
    rate, options = AGENTS[name]
    environments = line(6, 4)
    training = Training(learning_rate=rate, batch_size=32)
    ours = agent(name, environments.data, training=training, steps=6000, gamma=0.9, **options)
    train(ours, environments, 1500)
    values = ours.values(environments.seen(np.arange(5)))
    np.testing.assert_allclose(values, environments.optimal_values(0.9), rtol=0.01)


def test_the_line_is_climbed_with_returns_of_several_steps(agent, line, train):
    environments = line(6, 4)
    training = Training(learning_rate=1e-3, batch_size=32)
    ours = agent("dqn_sample_efficient", environments.data, training=training, steps=4000, learning_starts=100)
    train(ours, environments, 1000)
    assert (ours.values(environments.seen(np.arange(5))).argmax(axis=1) == 1).all()


def scores(learner, environments, count):
    """The sum of rewards in the first episode of each environment."""
    going, found = np.ones(count, bool), np.zeros(count)
    while going.any():
        transitions = environments.step(learner.values(environments.observations).argmax(axis=1))
        found += np.where(going, transitions.rewards, 0.0)
        going &= ~transitions.restarted
    return found


@pytest.mark.slow
def test_the_pole_is_balanced_over_twenty_episodes(agent, cart_pole, train):
    environments = cart_pole(4, seed=0)
    ours = agent(
        "dqn_sample_efficient",
        environments.data,
        training=Training(learning_rate=5e-4, batch_size=64),
        steps=32_000,
        learning_starts=500,
        epsilon_steps=5000,
        final_epsilon=0.05,
        steps_per_update=2,
        target_updates=100,
        num_returns=3,
        longest_exploration=1,
    )
    train(ours, environments, 8000)
    assert scores(ours, cart_pole(20, seed=100), 20).mean() >= 475
