"""What a memory takes, and when it is refused."""

import numpy as np
import pytest

from harness.errors import UsageError
from harness.interfaces import ActingData, Training
from harness_dqn.plugin import harness_models
from harness_dqn.replay import Replay
from harness_dqn.sizes import kept_frames, refuse_too_large, replay_bytes

SPECS = {spec.name: spec for spec in harness_models()}
ATARI = ActingData(num_actions=4, shape=(4, 84, 84), pixels=True)


def test_a_million_frames_take_seven_gigabytes():
    assert replay_bytes(1_000_000, ATARI) == 1_000_000 * (84 * 84 + 11)


def test_bytes_are_those_of_the_arrays():
    replay = Replay(ATARI, num_environments=2, num_slots=50)
    arrays = [value for value in vars(replay).values() if isinstance(value, np.ndarray) and value.size >= 100]
    assert sum(array.nbytes for array in arrays) == replay_bytes(100, ATARI)


def test_what_fits_is_taken():
    refuse_too_large(1000, ATARI, replay_bytes(1000, ATARI))


def test_what_does_not_fit_is_refused_with_what_would():
    with pytest.raises(UsageError, match=r"1000000 frames takes 7\.07 GB; 3\.53 GB are free; use replay_frames=500000"):
        refuse_too_large(1_000_000, ATARI, replay_bytes(500_000, ATARI))


@pytest.mark.parametrize(("steps", "kept"), [(400, 500), (10_000, 1000)], ids=["short", "long"])
def test_no_more_is_kept_than_a_trial_can_see(steps, kept):
    assert kept_frames(1000, steps) == kept


@pytest.mark.parametrize("name", ["dqn_2013", "dqn_2015", "double_dqn", "dqn_sample_efficient"])
def test_a_learner_declares_the_memory_that_it_makes(name):
    spec = SPECS[name]
    config = spec.config.load()(replay_frames=1000)
    memory = spec.memory.load()(config, ATARI, Training(), 500)
    assert memory.num_bytes == replay_bytes(kept_frames(1000, 500), ATARI)


def test_agents_without_a_memory_declare_none():
    assert [SPECS[name].memory for name in ("pqn", "random_agent", "constant_agent")] == [None] * 3
