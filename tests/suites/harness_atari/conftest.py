"""Agents that need no training."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from torch import nn

from harness.interfaces import Array, Transitions


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
