"""The memory of frames: what is drawn is what happened, across ends, truncation and overwriting."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import PluginError, UsageError
from harness.interfaces import ActingData, Transitions
from harness_dqn.replay import Replay
from harness_dqn.sizes import least_slots

PIXELS = ActingData(num_actions=4, shape=(3, 2, 2), pixels=True)
NUMBERS = ActingData(num_actions=4, shape=(2,), pixels=False)
GAMMA = 0.9


@dataclass(frozen=True)
class Step:
    """One transition of one environment, with whole observations."""

    observation: np.ndarray
    action: int
    reward: float
    terminated: bool
    ends: bool
    following: np.ndarray
    first_of_episode: bool


class Play:
    """Environments that draw everything at random, and a list of all that happened in each."""

    def __init__(self, data, num_environments, seed, chance_of_end):
        self.generator = np.random.default_rng(seed)
        self.data, self.chance = data, chance_of_end
        self.observations = np.stack([self.first() for _ in range(num_environments)])
        self.history = [[] for _ in range(num_environments)]
        self.fresh = [True] * num_environments

    def frame(self, shape):
        if self.data.pixels:
            return self.generator.integers(0, 256, shape, dtype=np.uint8)
        return self.generator.normal(size=shape).astype(np.float32)

    def first(self):
        return self.frame(self.data.shape)

    def after(self, observation):
        if not self.data.pixels:
            return self.first()
        return np.concatenate([observation[1:], self.frame((1, *self.data.shape[1:]))])

    def step(self):
        count = len(self.history)
        terminated = self.generator.random(count) < self.chance
        truncated = ~terminated & (self.generator.random(count) < self.chance)
        # Some terminations are lost lives, after which the episode goes on.
        restarted = truncated | (terminated & (self.generator.random(count) < 0.5))
        transitions = Transitions(
            observations=self.observations,
            actions=self.generator.integers(0, 4, count),
            rewards=self.generator.normal(size=count).astype(np.float32),
            terminated=terminated,
            truncated=truncated,
            restarted=restarted,
            next_observations=np.stack([self.after(observation) for observation in self.observations]),
        )
        for index in range(count):
            self.history[index].append(
                Step(
                    transitions.observations[index],
                    int(transitions.actions[index]),
                    float(transitions.rewards[index]),
                    bool(terminated[index]),
                    bool(terminated[index] or truncated[index]),
                    transitions.next_observations[index],
                    self.fresh[index],
                )
            )
        self.fresh = list(restarted)
        following = zip(restarted, transitions.next_observations, strict=True)
        self.observations = np.stack([self.first() if new else observation for new, observation in following])
        return transitions


def positions(history, stack):
    """Where each step's observation has its newest frame, when every frame ever seen is counted, and their number."""
    found, position = [], -1
    for step in history:
        position += stack if step.first_of_episode else 0
        found.append(position)
        position += 1
    return found, position + 1


def expected(play, num_slots, num_returns):
    """All transitions that may be drawn, by their observation's bytes: from plain lists."""
    stack = play.data.shape[0] if play.data.pixels else 1
    result = {}
    for history in play.history:
        places, written = positions(history, stack)
        for index, place in enumerate(places):
            taken = []
            for step in history[index : index + num_returns]:
                taken.append(step)
                if step.ends:
                    break
            complete = taken[-1].ends or len(taken) == num_returns
            if complete and place - stack + 1 >= written - num_slots:
                returns = sum(GAMMA**age * step.reward for age, step in enumerate(taken))
                discount = 0.0 if taken[-1].terminated else GAMMA ** len(taken)
                key = history[index].observation.tobytes()
                result[key] = (history[index].action, returns, discount, taken[-1].following)
    return result


def drawn(sample):
    keys = [observation.tobytes() for observation in sample.observations]
    return dict(
        zip(
            keys,
            zip(sample.actions, sample.returns, sample.discounts, sample.next_observations, strict=True),
            strict=True,
        )
    )


def filled(data, *, environments, slots, num_returns, steps, chance, seed):
    play = Play(data, environments, seed, chance)
    replay = Replay(data, num_environments=environments, num_slots=slots, num_returns=num_returns, gamma=GAMMA)
    for _ in range(steps):
        replay.add(play.step())
    return play, replay


situations = st.fixed_dictionaries(
    {
        "data": st.sampled_from([PIXELS, NUMBERS]),
        "environments": st.integers(1, 3),
        "num_returns": st.integers(1, 4),
        "chance": st.sampled_from([0.0, 0.1, 0.5, 1.0]),
        "seed": st.integers(0, 2**16),
        "spare": st.integers(0, 20),
        "later": st.integers(0, 40),
    }
)


@settings(max_examples=60, deadline=None)
@given(situations)
def test_draws_are_exactly_the_transitions_of_plain_lists(situation):
    data, num_returns = situation["data"], situation["num_returns"]
    slots = least_slots(data, num_returns) + situation["spare"]
    play, replay = filled(
        data,
        environments=situation["environments"],
        slots=slots,
        num_returns=num_returns,
        steps=num_returns + situation["later"],
        chance=situation["chance"],
        seed=situation["seed"],
    )
    known = expected(play, slots, num_returns)
    torch.manual_seed(0)
    found = drawn(replay.sample(2000))
    assert found.keys() == known.keys()
    np.testing.assert_equal([found[key][0] for key in known], [value[0] for value in known.values()])
    np.testing.assert_allclose([found[key][1] for key in known], [value[1] for value in known.values()], atol=1e-5)
    np.testing.assert_allclose([found[key][2] for key in known], [value[2] for value in known.values()], rtol=1e-6)
    np.testing.assert_equal([found[key][3] for key in known], [value[3] for value in known.values()])


def test_every_transition_is_drawn_equally_often():
    _, replay = filled(NUMBERS, environments=2, slots=12, num_returns=2, steps=30, chance=0.2, seed=1)
    torch.manual_seed(0)
    sample = replay.sample(40_000)
    _, counts = np.unique(sample.observations, axis=0, return_counts=True)
    mean = counts.mean()
    assert abs(counts - mean).max() < 5 * np.sqrt(mean)


def test_bytes_stay_bytes():
    _, replay = filled(PIXELS, environments=1, slots=20, num_returns=1, steps=5, chance=0.0, seed=0)
    assert replay.sample(3).observations.dtype == np.uint8


def test_numbers_are_kept_in_single_precision():
    _, replay = filled(NUMBERS, environments=1, slots=20, num_returns=1, steps=5, chance=0.0, seed=0)
    assert replay.sample(3).observations.dtype == np.float32


def test_the_global_generator_decides_what_is_drawn():
    _, replay = filled(NUMBERS, environments=2, slots=20, num_returns=1, steps=9, chance=0.2, seed=0)
    torch.manual_seed(3)
    first = replay.sample(8)
    torch.manual_seed(3)
    np.testing.assert_equal(replay.sample(8).observations, first.observations)


@pytest.mark.parametrize("field", ["observations", "next_observations"])
def test_frames_that_do_not_continue_are_refused(field):
    play, replay = filled(PIXELS, environments=1, slots=20, num_returns=1, steps=2, chance=0.0, seed=0)
    transitions = play.step()
    changed = getattr(transitions, field) ^ 255
    with pytest.raises(PluginError, match="does not continue the one before it"):
        replay.add(replace(transitions, **{field: changed}))


def test_too_few_slots_for_a_transition_are_refused():
    with pytest.raises(UsageError, match=r"leaves 8 frames .* over 3 steps take 9; use replay_frames=18 or more"):
        Replay(PIXELS, num_environments=2, num_slots=8, num_returns=3)
