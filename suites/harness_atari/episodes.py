"""What an agent meets: several environments at once, and the episodes that end in them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from harness.interfaces import ActingData, Array, Transitions


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode that ended: in which environment, the sum of its rewards, and its length in the agent's steps."""

    environment: int
    score: float
    length: int


class Tally:
    """Sums rewards and counts steps until an episode ends."""

    def __init__(self, num_envs: int) -> None:
        self._scores = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, dtype=np.int64)

    def add(self, rewards: Array, restarted: Array) -> tuple[Episode, ...]:
        """Take in one step; the episodes that it ended."""
        self._scores += rewards
        self._lengths += 1
        if not restarted.any():
            return ()
        ended = tuple(
            Episode(int(index), float(self._scores[index]), int(self._lengths[index]))
            for index in np.flatnonzero(restarted)
        )
        self._scores[restarted] = 0
        self._lengths[restarted] = 0
        return ended


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What an action in each environment led to; see `harness.interfaces.Transitions`. `last` is what it led to, of an
    ended episode too; `observations` is what the agent sees next, the first of another episode where one ended."""

    rewards: Array
    terminated: Array
    truncated: Array
    restarted: Array
    last: Array
    observations: Array


class Environments(ABC):
    """Several environments of one kind in step. An ended episode's environment begins the next in the same step.

    `ended` are the episodes that the last step ended; a lost life ends none.
    """

    ended: tuple[Episode, ...] = ()

    def __init__(self, data: ActingData, num_envs: int) -> None:
        self.data = data
        self.num_envs = num_envs

    @property
    def observations(self) -> Array:
        """What the agent sees now."""
        return self._observations

    def reset(self) -> Array:
        """Begin an episode in each of them, as their seed says; the first observations."""
        self._observations = self._begin()
        self._tally, self.ended = Tally(self.num_envs), ()
        return self._observations

    def step(self, actions: Array) -> Transitions:
        """One action in each of them."""
        before, outcome = self._observations, self._advance(actions)
        self._observations = outcome.observations
        self.ended = self._tally.add(outcome.rewards, outcome.restarted)
        return Transitions(
            observations=before,
            actions=actions,
            rewards=outcome.rewards.astype(np.float32),
            terminated=outcome.terminated,
            truncated=outcome.truncated,
            restarted=outcome.restarted,
            next_observations=outcome.last,
        )

    @abstractmethod
    def _begin(self) -> Array:
        """Begin all episodes anew; the first observations."""

    @abstractmethod
    def _advance(self, actions: Array) -> Outcome:
        """Take one action in each."""
