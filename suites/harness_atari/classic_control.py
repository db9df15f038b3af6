"""Environments of gymnasium whose observations are a few numbers, such as CartPole."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.errors import MissingDataError, UsageError
from harness.interfaces import ActingData, Array, Transitions
from harness.registry import suggest
from harness_atari.episodes import Episode, Tally


class ClassicControl:
    """Several copies of an environment of gymnasium, whose seeds are `seed`, `seed` + 1 and so on.

    Raises UsageError for an unknown name, and for actions or observations that no agent here has: actions are chosen
    out of a few, observations are a row of numbers.
    """

    def __init__(self, name: str, *, num_envs: int, seed: int) -> None:
        self._seed, self._num_envs = seed, num_envs
        self._copies = _open(name, num_envs)
        self.data = _describe(name, self._copies)
        self._observations: Array
        self.ended: tuple[Episode, ...] = ()

    @property
    def num_envs(self) -> int:
        return self._num_envs

    @property
    def observations(self) -> Array:
        return self._observations

    def reset(self) -> Array:
        observations, _ = self._copies.reset(seed=self._seed)
        self._observations = observations.astype(np.float32)
        self._tally, self.ended = Tally(self._num_envs), ()
        return self._observations

    def step(self, actions: Array) -> Transitions:
        before = self._observations
        after, rewards, terminated, truncated, facts = self._copies.step(actions)
        restarted = terminated | truncated
        self._observations = last = after.astype(np.float32)
        if restarted.any():
            last = last.copy()
            last[restarted] = np.stack(list(facts["final_obs"][restarted]))
        self.ended = self._tally.add(rewards, restarted)
        return Transitions(
            observations=before,
            actions=actions,
            rewards=rewards.astype(np.float32),
            terminated=terminated,
            truncated=truncated,
            restarted=restarted,
            next_observations=last,
        )


def _open(name: str, num_envs: int) -> Any:
    try:
        import gymnasium
        from gymnasium.vector import AutoresetMode
    except ImportError as error:
        raise MissingDataError(
            f"the package gymnasium is not installed; {name} is one of its environments; install it with "
            "`pip install 'arch-harness[atari]'`"
        ) from error
    if name not in gymnasium.registry:
        raise UsageError(f"environment {name!r} is unknown to gymnasium; {suggest(name, gymnasium.registry)}")
    settings = {"autoreset_mode": AutoresetMode.SAME_STEP}
    return gymnasium.make_vec(name, num_envs=num_envs, vectorization_mode="sync", vector_kwargs=settings)


def _describe(name: str, copies: Any) -> ActingData:
    from gymnasium.spaces import Box, Discrete

    actions, observations = copies.single_action_space, copies.single_observation_space
    if not isinstance(actions, Discrete):
        raise UsageError(
            f"{name}: an action is {actions}; agents here choose one of a few actions; take an environment whose "
            "actions are Discrete, such as CartPole-v1"
        )
    if not isinstance(observations, Box) or len(observations.shape) != 1:
        raise UsageError(
            f"{name}: an observation is {observations}; it should be a row of numbers; take an environment such as "
            "CartPole-v1, or the task `atari` for pictures"
        )
    return ActingData(num_actions=int(actions.n), shape=observations.shape, pixels=False)
