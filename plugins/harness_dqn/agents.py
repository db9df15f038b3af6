"""Agents that learn nothing of what they see, which every learner is held against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from harness.errors import UsageError
from harness.interfaces import ActingData, Array, ParameterGroup, State, Training, Transitions
from harness_dqn.config import ConstantAgentConfig, RandomAgentConfig

Config = TypeVar("Config")


class Indifferent(nn.Module, Generic[Config]):
    """A network without parameters to which all actions are worth nothing."""

    def __init__(self, data: ActingData, config: Config) -> None:
        super().__init__()
        self.data = data
        self.config = config

    def forward(self, observations: Tensor) -> Tensor:
        return observations.new_zeros((len(observations), self.data.num_actions), dtype=torch.float32)


class RandomAgent:
    """Takes every action with the same probability, drawn from torch's global generator."""

    def __init__(
        self,
        module: Indifferent[RandomAgentConfig],
        *,
        training: Training,
        steps: int,
        groups: Iterable[ParameterGroup] = (),
        precision: str = "float32",
    ) -> None:
        self.module = module

    def act(self, observations: Array) -> Array:
        actions: Array = torch.randint(self.module.data.num_actions, (len(observations),)).numpy()
        return actions

    def observe(self, transitions: Transitions) -> Mapping[str, float]:
        return {}

    def values(self, observations: Array) -> Array:
        """Drawn anew at every call, from 0 to 1, so that each action is the largest equally often."""
        values: Array = torch.rand(len(observations), self.module.data.num_actions).numpy()
        return values

    def done(self) -> bool:
        return True

    def state(self) -> State:
        return {}

    def restore(self, state: State) -> None:
        pass


class ConstantAgent:
    """Takes one action for ever: the given one, or else that with the highest mean score of an episode.

    To find it, each environment holds one action for an episode, and takes the least tried one for the next. Scores
    are the game's own; an action that finished no episode counts with what it gained in the one that was not finished.
    An episode that was left unfinished does not count, and its action is held for another.
    """

    def __init__(
        self,
        module: Indifferent[ConstantAgentConfig],
        *,
        training: Training,
        steps: int,
        groups: Iterable[ParameterGroup] = (),
        precision: str = "float32",
    ) -> None:
        self.module = module
        num_actions = module.data.num_actions
        self._scores = np.zeros(num_actions)
        self._running = np.zeros(0)
        self._begun = np.zeros(num_actions, np.int64)
        self._finished = np.zeros(num_actions, np.int64)
        self._held = np.zeros(0, np.int64)

    def act(self, observations: Array) -> Array:
        if self.module.config.action is not None:
            return np.full(len(observations), self.module.config.action)
        if not len(self._held):
            self._held = np.array([self._least_tried() for _ in observations])
            self._running = np.zeros(len(observations))
        return self._held.copy()

    def observe(self, transitions: Transitions) -> Mapping[str, float]:
        if self.module.config.action is not None:
            return {}
        self._running += transitions.rewards
        ended = transitions.terminated | transitions.truncated
        self._running[transitions.restarted & ~ended] = 0.0
        for environment in np.flatnonzero(transitions.restarted & ended):
            action = self._held[environment]
            self._scores[action] += self._running[environment]
            self._finished[action] += 1
            self._running[environment] = 0.0
            self._held[environment] = self._least_tried()
        return {}

    def values(self, observations: Array) -> Array:
        """The mean score of each action; 1 for the given action and 0 for the others."""
        chosen = self.module.config.action
        num_actions = self.module.data.num_actions
        worth = self._means() if chosen is None else (np.arange(num_actions) == chosen).astype(np.float64)
        return np.tile(worth, (len(observations), 1))

    def done(self) -> bool:
        """Where the action is given, or each was held for so many episodes."""
        config = self.module.config
        return config.action is not None or bool((self._finished >= config.episodes).all())

    def state(self) -> State:
        return {
            "scores": torch.from_numpy(self._scores),
            "running": torch.from_numpy(self._running),
            "begun": torch.from_numpy(self._begun),
            "finished": torch.from_numpy(self._finished),
            "held": torch.from_numpy(self._held),
        }

    def restore(self, state: State) -> None:
        copies = {name: tensor.numpy().copy() for name, tensor in state.items()}
        self._scores, self._running, self._held = copies["scores"], copies["running"], copies["held"]
        self._begun, self._finished = copies["begun"], copies["finished"]

    def _least_tried(self) -> int:
        action = int(self._begun.argmin())
        self._begun[action] += 1
        return action

    def _means(self) -> Array:
        """An action that was never tried is worth one less than the worst."""
        begun = np.zeros_like(self._scores)
        begun[self._held] = self._running
        means = np.where(self._finished > 0, self._scores / np.maximum(self._finished, 1), begun)
        tried = self._begun > 0
        return np.where(tried, means, means[tried].min(initial=0.0) - 1)


def refuse_unknown_action(config: ConstantAgentConfig, data: ActingData) -> None:
    """Raises UsageError for an action that there is not."""
    if config.action is not None and config.action >= data.num_actions:
        raise UsageError(
            f"constant_agent.action={config.action}: there are {data.num_actions} actions, from 0 to "
            f"{data.num_actions - 1}; use one of them, or none to try all"
        )
