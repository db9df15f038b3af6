"""Random actions: how many, and for how long one is held."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from harness.interfaces import State

EXPONENT = 2


def epsilon(step: int, *, start: int, initial: float, final: float, steps: int) -> float:
    """The share of random actions: `initial` until `start`, then in a line to `final`, which is reached `steps` on."""
    return initial + (final - initial) * min(1.0, max(0, step - start) / steps)


def durations(longest: int) -> Tensor:
    """Probabilities [longest] of holding an action for 1, 2, ... steps: as 1 / k^2, with what is longer on the last."""
    weights = torch.arange(1, longest + 1, dtype=torch.float64) ** -EXPONENT * 6 / math.pi**2
    weights[-1] = 1 - weights[:-1].sum()
    return weights


class Exploration:
    """Epsilon-greedy exploration that holds a random action for a while (Dabney et al. 2020, arXiv:2006.01782).

    An environment that holds none begins one with probability epsilon. With `longest=1` this is plain epsilon-greedy.
    Draws from torch's global generator.
    """

    def __init__(self, num_actions: int, *, longest: int = 1) -> None:
        self._num_actions = num_actions
        self._durations = durations(longest)
        self._held = torch.zeros(0, dtype=torch.long)
        self._left = torch.zeros(0, dtype=torch.long)

    def state(self) -> State:
        return {"held": self._held, "left": self._left}

    def restore(self, state: State) -> None:
        self._held, self._left = state["held"].clone(), state["left"].clone()

    def actions(self, count: int, epsilon: float) -> Tensor:
        """The random action of each environment, and -1 where it is to act greedily."""
        if len(self._left) != count:
            self._held, self._left = torch.zeros(2, count, dtype=torch.long)
        begins = (self._left == 0) & (torch.rand(count) < epsilon)
        drawn = torch.randint(self._num_actions, (count,))
        lengths = 1 + torch.multinomial(self._durations, count, replacement=True)
        self._held = torch.where(begins, drawn, self._held)
        self._left = torch.where(begins, lengths, self._left)
        chosen = torch.where(self._left > 0, self._held, -1)
        self._left = (self._left - 1).clamp(min=0)
        return chosen
