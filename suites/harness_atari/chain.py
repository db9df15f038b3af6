"""A chain of states of which the best actions, and what they are worth, are known in closed form."""

from __future__ import annotations

import numpy as np

from harness.interfaces import ActingData, Array, Transitions
from harness_atari.episodes import Episode, Tally

LEFT, RIGHT = 0, 1


class Chain:
    """Several copies of a walk over the states 0 to `num_states` - 1.

    An episode begins in any state, evenly drawn. LEFT goes a state down, and stays at 0. RIGHT goes a state up, and
    from the last state ends the episode with reward 1; every other reward is 0. After `2 * num_states` steps the
    episode is cut. An observation has a 1 at the state's place.
    """

    def __init__(self, num_states: int, *, num_envs: int, seed: int) -> None:
        self._num_states, self._num_envs, self._seed = num_states, num_envs, seed
        self.data = ActingData(num_actions=2, shape=(num_states,), pixels=False)
        self.ended: tuple[Episode, ...] = ()

    @property
    def num_envs(self) -> int:
        return self._num_envs

    @property
    def observations(self) -> Array:
        return self._seen(self._states)

    def reset(self) -> Array:
        self._generator = np.random.default_rng(self._seed)
        self._states = self._generator.integers(self._num_states, size=self._num_envs)
        self._steps = np.zeros(self._num_envs, dtype=np.int64)
        self._tally, self.ended = Tally(self._num_envs), ()
        return self.observations

    def step(self, actions: Array) -> Transitions:
        before, self._steps = self._states, self._steps + 1
        terminated = (actions == RIGHT) & (before == self._num_states - 1)
        after = np.clip(before + np.where(actions == RIGHT, 1, -1), 0, self._num_states - 1)
        truncated = ~terminated & (self._steps >= 2 * self._num_states)
        restarted = terminated | truncated
        starts = self._generator.integers(self._num_states, size=self._num_envs)
        self._states, self._steps = np.where(restarted, starts, after), np.where(restarted, 0, self._steps)
        rewards = terminated.astype(np.float32)
        self.ended = self._tally.add(rewards, restarted)
        return Transitions(
            observations=self._seen(before),
            actions=actions,
            rewards=rewards,
            terminated=terminated,
            truncated=truncated,
            restarted=restarted,
            next_observations=self._seen(after),
        )

    def _seen(self, states: Array) -> Array:
        return np.eye(self._num_states, dtype=np.float32)[states]


def optimal_values(num_states: int, discount: float) -> Array:
    """What each action is worth in each state, [states, actions]: RIGHT from state s is discount^(num_states - 1 - s).

    LEFT is that of the state below, a step later.
    """
    right = discount ** np.arange(num_states - 1, -1, -1.0)
    left = discount * right[np.maximum(np.arange(num_states) - 1, 0)]
    return np.stack([left, right], axis=1)
