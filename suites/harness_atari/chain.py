"""A chain of states of which the best actions, and what they are worth, are known in closed form."""

from __future__ import annotations

import numpy as np

from harness.interfaces import ActingData, Array
from harness_atari.episodes import Environments, Outcome

LEFT, RIGHT = 0, 1


class Chain(Environments):
    """Several copies of a walk over the states 0 to `num_states` - 1.

    An episode begins in any state, evenly drawn. LEFT goes a state down, and stays at 0. RIGHT goes a state up, and
    from the last state ends the episode with reward 1; every other reward is 0. After `2 * num_states` steps the
    episode is cut. An observation has a 1 at the state's place.
    """

    def __init__(self, num_states: int, *, num_envs: int, seed: int) -> None:
        super().__init__(ActingData(num_actions=2, shape=(num_states,), pixels=False), num_envs)
        self._num_states, self._seed = num_states, seed

    def _begin(self) -> Array:
        self._generator = np.random.default_rng(self._seed)
        self._states = self._generator.integers(self._num_states, size=self.num_envs)
        self._steps = np.zeros(self.num_envs, dtype=np.int64)
        return self._seen(self._states)

    def _advance(self, actions: Array) -> Outcome:
        before, self._steps = self._states, self._steps + 1
        terminated = (actions == RIGHT) & (before == self._num_states - 1)
        after = np.clip(before + np.where(actions == RIGHT, 1, -1), 0, self._num_states - 1)
        truncated = ~terminated & (self._steps >= 2 * self._num_states)
        restarted = terminated | truncated
        starts = self._generator.integers(self._num_states, size=self.num_envs)
        self._states, self._steps = np.where(restarted, starts, after), np.where(restarted, 0, self._steps)
        return Outcome(
            rewards=terminated.astype(np.float32),
            terminated=terminated,
            truncated=truncated,
            restarted=restarted,
            last=self._seen(after),
            observations=self._seen(self._states),
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
