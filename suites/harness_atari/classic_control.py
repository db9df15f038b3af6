"""Environments of gymnasium whose observations are a few numbers, such as CartPole."""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.errors import MissingDataError, UsageError
from harness.interfaces import ActingData, Array
from harness.registry import suggest
from harness_atari.episodes import Environments, Outcome


class ClassicControl(Environments):
    """Several copies of an environment of gymnasium, whose seeds are `seed`, `seed` + 1 and so on.

    Raises UsageError for an unknown name, and for actions or observations that no agent here has: actions are chosen
    out of a few, observations are a row of numbers.
    """

    def __init__(self, name: str, *, num_envs: int, seed: int) -> None:
        self._seed = seed
        self._copies = _open(name, num_envs)
        super().__init__(_describe(name, self._copies), num_envs)

    def _begin(self) -> Array:
        observations, _ = self._copies.reset(seed=self._seed)
        first: Array = observations.astype(np.float32)
        return first

    def _advance(self, actions: Array) -> Outcome:
        after, rewards, terminated, truncated, facts = self._copies.step(actions)
        restarted = terminated | truncated
        observations = last = after.astype(np.float32)
        if restarted.any():
            last = last.copy()
            last[restarted] = np.stack(list(facts["final_obs"][restarted]))
        return Outcome(
            rewards=rewards,
            terminated=terminated,
            truncated=truncated,
            restarted=restarted,
            last=last,
            observations=observations,
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
