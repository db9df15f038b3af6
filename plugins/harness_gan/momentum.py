"""Gradient descent with momentum as the first adversarial pair was trained, and its two schedules."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor


def learning_rate(update: int, initial: float, divisor: float, minimum: float) -> float:
    """The rate of an update, counted from 0: divided after each, but not below the minimum."""
    return max(min(initial, minimum), initial / divisor**update)


def momentum(update: int, initial: float, final: float, updates: int) -> float:
    """The momentum of an update, counted from 0: a line from the initial to the final one."""
    return initial + (final - initial) * min(1.0, update / updates)


class MomentumDescent:
    """v <- m v - rate g, then w <- w + v.

    The rate is inside the velocity, so that an old gradient keeps the rate of its own update.
    """

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.parameters = list(parameters)
        self._velocities = [torch.zeros_like(parameter) for parameter in self.parameters]

    @torch.no_grad()
    def step(self, gradients: Iterable[Tensor], *, rate: float, momentum: float) -> None:
        for parameter, velocity, gradient in zip(self.parameters, self._velocities, gradients, strict=True):
            velocity.mul_(momentum).sub_(gradient, alpha=rate)
            parameter.add_(velocity)
