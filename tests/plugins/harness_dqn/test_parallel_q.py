"""Learning from rollouts: when, from what, at which rate."""

import numpy as np
import pytest
import torch

from harness.interfaces import Training
from harness_dqn.targets import lambda_returns


def test_updates_come_at_the_end_of_each_rollout(agent, step):
    ours = agent("pqn", rollout=3)
    assert [bool(ours.observe(step(2, seed=index))) for index in range(6)] == [False, False, True] * 2


def test_the_rate_falls_in_a_line_to_nothing(agent, step):
    ours = agent("pqn", rollout=1, steps=8, training=Training(learning_rate=0.4))
    rates = []
    for index in range(4):
        ours.observe(step(2, seed=index))
        rates.append(ours._optimiser.param_groups[0]["lr"])
    assert rates == pytest.approx([0.3, 0.2, 0.1, 0.0])


def test_every_step_is_learnt_from_once_an_epoch(agent, step):
    ours, sizes = agent("pqn", rollout=3, epochs=2, training=Training(batch_size=4)), []
    ours._update = lambda observations, actions, targets: sizes.append(len(actions)) or torch.zeros(2)
    for index in range(3):
        ours.observe(step(2, seed=index))
    assert sizes == [4, 2, 4, 2]


def test_the_first_update_is_a_step_towards_the_returns(agent, step):
    ours = agent("pqn", rollout=2, epochs=1, dtype=torch.float64, clip_rewards=False, gradient_norm=1e9)
    steps = [step(2, seed=index, terminated=np.array([index == 0, False])) for index in range(2)]
    network = ours.module
    with torch.no_grad():
        returns = lambda_returns(
            torch.tensor(np.stack([one.rewards for one in steps])),
            torch.stack([network(torch.from_numpy(one.next_observations).double()).amax(dim=1) for one in steps]),
            torch.tensor([[1.0, 0.0], [0.0, 0.0]], dtype=torch.float64),
            torch.ones(2, 2, dtype=torch.float64),
            gamma=0.99,
            trace=0.65,
        )
    inputs = torch.from_numpy(np.stack([one.observations for one in steps])).double()
    actions = torch.from_numpy(np.stack([one.actions for one in steps]))
    values = network(inputs.flatten(0, 1)).gather(1, actions.flatten()[:, None])[:, 0]
    expected = ((values - returns.flatten()) ** 2).mean().item() / 2
    ours.observe(steps[0])
    assert ours.observe(steps[1])["loss"] == pytest.approx(expected, rel=1e-9)
