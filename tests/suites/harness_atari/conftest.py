"""Agents that need no training, and one that learns a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from torch import nn

from harness.interfaces import Array, State, Transitions


class Fixed:
    """Values every observation alike, acts on it, and keeps what it was told."""

    def __init__(self, values: tuple[float, ...], loss: float | None = None) -> None:
        self.module = nn.Identity()
        self.seen: list[Transitions] = []
        self._values, self._loss = np.array(values, dtype=np.float32), loss

    def act(self, observations: Array) -> Array:
        return np.full(len(observations), self._values.argmax())

    def observe(self, transitions: Transitions) -> Mapping[str, float]:
        self.seen.append(transitions)
        return {} if self._loss is None else {"loss": self._loss}

    def values(self, observations: Array) -> Array:
        return np.tile(self._values, (len(observations), 1))


@pytest.fixture
def fixed() -> Callable[..., Fixed]:
    return Fixed


class Finished(Fixed):
    """Is done after so many rounds."""

    def __init__(self, rounds: int) -> None:
        super().__init__((0.0, 1.0))
        self._rounds = rounds

    def done(self) -> bool:
        return len(self.seen) >= self._rounds


@pytest.fixture
def finished() -> Callable[..., Finished]:
    return Finished


class Tabular:
    """Q-learning over the states of a chain, whose chances of going right follow from what that is worth."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.module = nn.Identity()
        self.table = np.zeros((5, 2))
        self.chosen: list[list[int]] = []
        self.known: list[int] = []
        self.seen: list[Transitions] = []

    def act(self, observations: Array) -> Array:
        advantages = torch.from_numpy(self.values(observations) @ np.array([-20.0, 20.0]))
        actions: Array = torch.bernoulli(torch.sigmoid(advantages)).long().numpy()
        self.chosen.append(actions.tolist())
        self.known.append(len(self.seen))
        return actions

    def observe(self, transitions: Transitions) -> Mapping[str, float]:
        self.seen.append(transitions)
        states, following = transitions.observations.argmax(axis=1), transitions.next_observations.argmax(axis=1)
        targets = transitions.rewards + 0.9 * ~transitions.terminated * self.table[following].max(axis=1)
        errors = targets - self.table[states, transitions.actions]
        np.add.at(self.table, (states, transitions.actions), 0.1 * errors)
        return {"loss": float(np.square(errors).mean())}

    def values(self, observations: Array) -> Array:
        values: Array = self.table[observations.argmax(axis=1)]
        return values

    def state(self) -> State:
        return {"table": torch.from_numpy(self.table)}

    def restore(self, state: State) -> None:
        self.table = state["table"].numpy().copy()


@pytest.fixture
def tabular() -> Callable[[], Tabular]:
    return Tabular
