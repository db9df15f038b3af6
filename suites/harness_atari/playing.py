"""Whole episodes: what a policy scores, and what there is to see of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from harness.interfaces import ActingLearner, Array
from harness_atari.episodes import Environments, Episode

Policy: TypeAlias = Callable[[Array], Array]
"""Actions [envs] for observations [envs, ...]."""

SPREAD = 10
"""Steps between two states that are kept of one environment."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """Episodes [rounds, envs]: row by row the first of each environment, the second, and so on."""

    scores: Array
    lengths: Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """A step of a watched game: what the agent saw, the value [actions] that it gave each action, the action that it
    took, and the reward of it."""

    observation: Array
    values: Array
    action: int
    reward: float


def play(policy: Policy, environments: Environments, rounds: int = 1) -> Played:
    """So many whole episodes in each environment: as many short as long ones, whatever a policy makes of them."""
    played: list[list[Episode]] = [[] for _ in range(environments.num_envs)]
    environments.reset()
    while min(map(len, played)) < rounds:
        environments.step(policy(environments.observations))
        for episode in environments.ended:
            played[episode.environment].append(episode)
    return Played(
        scores=np.array([[own[index].score for own in played] for index in range(rounds)]),
        lengths=np.array([[own[index].length for own in played] for index in range(rounds)]),
    )


def watch(
    learner: ActingLearner, environments: Environments, *, epsilon: float, generator: np.random.Generator, limit: int
) -> Iterator[Moment]:
    """The steps of the first environment until its episode ends, at most `limit`, acted in as `greedy` does."""
    environments.reset()
    for _ in range(limit):
        seen = environments.observations
        values, actions = _decide(learner, seen, epsilon, generator)
        reward = environments.step(actions).rewards[0]
        yield Moment(observation=seen[0], values=values[0], action=int(actions[0]), reward=float(reward))
        if any(episode.environment == 0 for episode in environments.ended):
            return


def gather_states(environments: Environments, count: int, seed: int) -> Array:
    """`count` observations that a random policy meets, `SPREAD` steps apart in each environment."""
    policy = uniform(environments.data.num_actions, np.random.default_rng(seed))
    environments.reset()
    states: list[Array] = []
    while len(states) * environments.num_envs < count:
        for _ in range(SPREAD):
            environments.step(policy(environments.observations))
        states.append(environments.observations)
    return np.concatenate(states)[:count]


def greedy(learner: ActingLearner, epsilon: float, generator: np.random.Generator) -> Policy:
    """The action of the largest value, or with probability `epsilon` any."""
    return lambda observations: _decide(learner, observations, epsilon, generator)[1]


def constant(actions: Array, num_actions: int, epsilon: float, generator: np.random.Generator) -> Policy:
    """In each environment always its action, or with probability `epsilon` any."""
    return lambda observations: _disturbed(actions, num_actions, epsilon, generator)


def uniform(num_actions: int, generator: np.random.Generator) -> Policy:
    """Every action equally often."""
    return lambda observations: generator.integers(num_actions, size=len(observations))


def _decide(
    learner: ActingLearner, observations: Array, epsilon: float, generator: np.random.Generator
) -> tuple[Array, Array]:
    """Values [envs, actions] and the actions [envs] that follow from them; learners may draw values anew each time."""
    values = learner.values(observations)
    return values, _disturbed(values.argmax(axis=1), values.shape[1], epsilon, generator)


def _disturbed(actions: Array, num_actions: int, epsilon: float, generator: np.random.Generator) -> Array:
    other = generator.integers(num_actions, size=len(actions))
    return np.where(generator.random(len(actions)) < epsilon, other, actions)
