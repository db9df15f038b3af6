"""An agent that is given the state of another acts and learns as that one, bit for bit."""

import copy

import numpy as np
import pytest
import torch

from harness.interfaces import ActingData, SavesState, Training, Transitions
from harness.runtime.checkpoints import FileCheckpoints

REPLAY = {"learning_starts": 20, "steps_per_update": 2, "epsilon_steps": 50, "replay_frames": 120}
AGENTS = {
    "dqn_2013": REPLAY,
    "dqn_2015": REPLAY | {"target_updates": 7},
    "double_dqn": REPLAY | {"target_updates": 7},
    "dqn_sample_efficient": REPLAY | {"target_updates": 7, "num_returns": 3},
    "pqn": {"rollout": 7},
    "random_agent": {},
    "constant_agent": {},
}


class Pictures:
    """Two games of noise in pictures of 36x36, four in an observation, which end now and then."""

    data = ActingData(num_actions=3, shape=(4, 36, 36), pixels=True)

    def __init__(self) -> None:
        self.generator = np.random.default_rng(0)
        self.observations = self.drawn(4)

    def drawn(self, frames):
        return self.generator.integers(0, 256, (2, frames, 36, 36), dtype=np.uint8)

    def step(self, actions):
        before = self.observations
        following = np.concatenate([before[:, 1:], self.drawn(1)], axis=1)
        ended = self.generator.random(2) < 0.1
        self.observations = np.where(ended[:, None, None, None], self.drawn(4), following)
        return Transitions(
            observations=before,
            actions=actions,
            rewards=self.generator.normal(size=2).astype(np.float32),
            terminated=ended,
            truncated=np.zeros(2, bool),
            restarted=ended,
            next_observations=following,
        )


def followed(learner, environments, rounds):
    """Actions and what was measured, round by round, and the network at the end."""
    found = []
    for _ in range(rounds):
        actions = learner.act(environments.observations)
        measured = learner.observe(environments.step(np.array(actions)))
        found.append((np.array(actions).tolist(), dict(measured)))
    return found, copy.deepcopy(learner.module.state_dict())


def assert_goes_on_alike(first, second, environments, path, before, after):
    followed(first, environments, before)
    kept = FileCheckpoints(path, seconds=0)
    kept.save(first.state())
    there = copy.deepcopy(environments)
    expected, weights = followed(first, environments, after)
    second.restore(kept.load())
    found, same = followed(second, there, after)
    assert found == expected
    torch.testing.assert_close(same, weights, rtol=0, atol=0)
    probe = there.observations
    torch.manual_seed(0)
    values = first.values(probe)
    torch.manual_seed(0)
    np.testing.assert_array_equal(second.values(probe), values)


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_goes_on_where_another_was(agent, line, tmp_path, name):
    environments = line(6, 3)
    first, second = (agent(name, environments.data, steps=1000, **AGENTS[name]) for _ in range(2))
    assert_goes_on_alike(first, second, environments, tmp_path / "0.pt", 60, 40)


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_that_sees_pictures_goes_on_where_another_was(agent, tmp_path, name):
    environments = Pictures()
    first, second = (agent(name, environments.data, steps=1000, **AGENTS[name]) for _ in range(2))
    assert_goes_on_alike(first, second, environments, tmp_path / "0.pt", 30, 10)


@pytest.mark.parametrize("name", AGENTS)
def test_an_agent_that_saw_nothing_yet_has_a_state(agent, line, tmp_path, name):
    environments = line(6, 3)
    first, second = (agent(name, environments.data, steps=1000, **AGENTS[name]) for _ in range(2))
    assert isinstance(first, SavesState)
    assert_goes_on_alike(first, second, environments, tmp_path / "0.pt", 0, 20)


def test_the_written_part_of_the_memory_is_what_is_saved(agent, tmp_path):
    environments = Pictures()
    options = REPLAY | {"replay_frames": 100_000}
    ours = agent("dqn_sample_efficient", environments.data, steps=100_000, training=Training(), **options)
    followed(ours, environments, 5)
    FileCheckpoints(tmp_path / "memory.pt", seconds=0).save(ours.state()["replay"])
    frames = sum(len(kept["frames"]) for kept in ours.state()["replay"]["environments"])
    assert frames * 36 * 36 < (tmp_path / "memory.pt").stat().st_size < frames * 36 * 36 + 20_000
