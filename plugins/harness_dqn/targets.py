"""What the values are drawn to: y = R + discount max_a Q(s', a), and the errors that are minimised."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

Values: TypeAlias = Callable[[Tensor], Tensor]


def largest_value(online: Values, target: Values, following: Tensor) -> Float[Tensor, " batch"]:
    """max_a Q_target(s', a)."""
    return target(following).amax(dim=1)


def double_value(online: Values, target: Values, following: Tensor) -> Float[Tensor, " batch"]:
    """Q_target(s', argmax_a Q(s', a)): one network chooses, the other judges (van Hasselt et al. 2015, equation 4)."""
    return value_of(target(following), online(following).argmax(dim=1))


def value_of(values: Float[Tensor, "batch actions"], actions: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    return values.gather(1, actions[:, None])[:, 0]


def squared_error(values: Float[Tensor, " batch"], targets: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """(y - Q)^2, as printed in 2013."""
    return (targets - values).square()


def clipped_error(values: Float[Tensor, " batch"], targets: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """The function whose derivative by Q is Q - y, cut to -1..1: half the square near y, a line beyond 1."""
    return F.huber_loss(values, targets, reduction="none", delta=1.0)


def lambda_returns(
    rewards: Float[Tensor, "steps envs"],
    next_values: Float[Tensor, "steps envs"],
    terminated: Float[Tensor, "steps envs"],
    ends: Float[Tensor, "steps envs"],
    *,
    gamma: float,
    trace: float,
) -> Float[Tensor, "steps envs"]:
    """G_t = r_t + gamma ((1 - trace) max Q(s', .) + trace G_{t+1}), and r_t + gamma max Q(s', .) where a step is the
    last; nothing follows a termination. `terminated` and `ends` are 0 or 1."""
    returns = torch.empty_like(rewards)
    after = next_values[-1]
    for step in reversed(range(len(rewards))):
        mixed = torch.lerp(next_values[step], after, trace * (1 - ends[step]))
        after = returns[step] = rewards[step] + gamma * (1 - terminated[step]) * mixed
    return returns
