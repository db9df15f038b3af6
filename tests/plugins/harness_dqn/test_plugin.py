"""What is declared loads, and its options are the papers'."""

import pytest
import torch

from harness.interfaces import ActingData
from harness_dqn.plugin import harness_models

SPECS = {spec.name: spec for spec in harness_models()}


@pytest.mark.parametrize("name", SPECS)
def test_an_agent_is_built_for_pixels(agent, name):
    data = ActingData(num_actions=6, shape=(4, 84, 84), pixels=True)
    values = agent(name, data).values(torch.zeros(2, 4, 84, 84, dtype=torch.uint8).numpy())
    assert values.shape == (2, 6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dqn_2013", {"gamma": 0.99, "replay_frames": 10**6, "final_epsilon": 0.1, "epsilon_steps": 10**6}),
        ("dqn_2013", {"steps_per_update": 1, "clip_rewards": True}),
        ("dqn_2015", {"learning_starts": 50_000, "steps_per_update": 4, "target_updates": 10_000}),
        ("double_dqn", {"learning_starts": 50_000, "steps_per_update": 4, "target_updates": 10_000}),
    ],
    ids=["2013-schedule", "2013-updates", "2015", "double"],
)
def test_options_are_the_published_ones(name, expected):
    config = SPECS[name].config.load()()
    assert config.model_dump(include=set(expected)) == expected
