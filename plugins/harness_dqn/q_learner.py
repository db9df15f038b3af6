"""Q-learning from a replay memory (Mnih et al. 2013, algorithm 1; 2015, algorithm 1)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import psutil
import torch
from torch import Tensor, nn

from harness.interfaces import Array, State, Training, Transitions
from harness_dqn.config import ReplayConfig
from harness_dqn.execution import Execution, refuse_unsupported
from harness_dqn.exploration import Exploration, epsilon
from harness_dqn.networks import QNetwork
from harness_dqn.replay import Replay, Sample
from harness_dqn.sizes import kept_frames, least_slots, refuse_too_large
from harness_dqn.targets import Values, value_of


class Optimiser(Protocol):
    def zero_grad(self) -> None: ...
    def step(self) -> object: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state: dict[str, Any], /) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What distinguishes the published learners.

    `next_value(online, target, next observations)` is what follows, `error(values, targets)` what is minimised of each
    example and `reduce` of all. Without `target_updates` the network is its own target.
    """

    next_value: Callable[[Values, Values, Tensor], Tensor]
    error: Callable[[Tensor, Tensor], Tensor]
    reduce: Callable[[Tensor], Tensor]
    optimiser: Callable[[Iterable[Tensor], float], Optimiser]
    target_updates: int | None = None
    num_returns: int = 1
    longest_exploration: int = 1
    gradient_norm: float | None = None


class QLearner:
    """Acts epsilon-greedily, remembers, and updates from what it draws.

    Of `Training` it takes the learning rate and the batch size; the rest is the paper's. Raises UsageError for what of
    it is not done, and where the memory of frames does not fit.
    """

    def __init__(
        self, module: QNetwork[ReplayConfig], rule: Rule, *, training: Training, steps: int, precision: str
    ) -> None:
        refuse_unsupported(training)
        self.module = module
        self._config, self._data, self._rule = module.config, module.data, rule
        self._batch_size = training.batch_size
        self._frames = kept_frames(module.config.replay_frames, steps)
        refuse_too_large(self._frames, module.data, psutil.virtual_memory().available)
        target = module if rule.target_updates is None else copy.deepcopy(module).requires_grad_(False)
        self._target_module = target
        self._online, self._target = Execution(module, precision), Execution(target, precision)
        self._optimiser = rule.optimiser(module.parameters(), training.learning_rate)
        self._exploration = Exploration(module.data.num_actions, longest=rule.longest_exploration)
        self._replay: Replay | None = None
        self._steps = 0
        self._updates = 0
        self._first_update = 0

    def act(self, observations: Array) -> Array:
        chosen = self._exploration.actions(len(observations), self.epsilon).numpy()
        greedy = np.flatnonzero(chosen < 0)
        if len(greedy):
            chosen[greedy] = self._online.values(observations[greedy]).argmax(dim=1).cpu().numpy()
        return chosen

    @property
    def epsilon(self) -> float:
        """The share of random actions now."""
        config = self._config
        return epsilon(
            self._steps,
            start=config.learning_starts,
            initial=config.initial_epsilon,
            final=config.final_epsilon,
            steps=config.epsilon_steps,
        )

    def values(self, observations: Array) -> Array:
        values: Array = self._online.values(observations).cpu().numpy()
        return values

    def observe(self, transitions: Transitions) -> Mapping[str, float]:
        """Remember, and update for every `steps_per_update` steps of all environments since learning started."""
        if self._replay is None:
            self._replay = self._new_replay(len(transitions.actions))
        if self._config.clip_rewards:
            transitions = replace(transitions, rewards=np.clip(transitions.rewards, -1, 1))
        self._replay.add(transitions)
        due = -self._updates_until(self._steps)
        self._steps += len(transitions.actions)
        due += self._updates_until(self._steps)
        measured = [self.update(self._replay.sample(self._batch_size)) for _ in range(due)]
        if not measured:
            return {}
        loss, value = torch.stack(measured).mean(dim=0).tolist()
        return {"loss": loss, "q": value, "epsilon": self.epsilon}

    def update(self, sample: Sample) -> Tensor:
        """One step down the gradient; returns the mean error and the mean value [2]."""
        rule, online = self._rule, self._online
        with torch.no_grad():
            following = rule.next_value(online, self._target, online.inputs(sample.next_observations))
            targets = online.numbers(sample.returns) + online.numbers(sample.discounts) * following
        actions = torch.from_numpy(sample.actions).to(targets.device)
        values = value_of(online(online.inputs(sample.observations)), actions)
        errors = rule.error(values, targets)
        self._optimiser.zero_grad()
        rule.reduce(errors).backward()
        if rule.gradient_norm is not None:
            nn.utils.clip_grad_norm_(self.module.parameters(), rule.gradient_norm)
        self._optimiser.step()
        self._updates += 1
        if rule.target_updates is not None and self._updates % rule.target_updates == 0:
            self._target_module.load_state_dict(self.module.state_dict())
        return torch.stack([errors.detach().mean(), values.detach().mean()])

    def state(self) -> State:
        """Of the memory what was written, which is most of it."""
        return {
            "network": self.module.state_dict(),
            "target": None if self._rule.target_updates is None else self._target_module.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "exploration": self._exploration.state(),
            "replay": None if self._replay is None else self._replay.state(),
            "steps": self._steps,
            "updates": self._updates,
        }

    def restore(self, state: State) -> None:
        self.module.load_state_dict(state["network"])
        if state["target"] is not None:
            self._target_module.load_state_dict(state["target"])
        self._optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        self._exploration.restore(state["exploration"])
        if (memory := state["replay"]) is not None:
            self._replay = self._new_replay(len(memory["environments"]))
            self._replay.restore(memory)
        self._steps, self._updates = state["steps"], state["updates"]

    def _new_replay(self, num_environments: int) -> Replay:
        rule = self._rule
        self._first_update = max(self._config.learning_starts, self._batch_size, rule.num_returns * num_environments)
        least = least_slots(self._data, rule.num_returns)
        wanted = -(-self._frames // num_environments)
        allowed = self._config.replay_frames // num_environments
        return Replay(
            self._data,
            num_environments=num_environments,
            num_slots=min(allowed, max(wanted, least)),
            num_returns=rule.num_returns,
            gamma=self._config.gamma,
        )

    def _updates_until(self, steps: int) -> int:
        return max(0, steps - self._first_update) // self._config.steps_per_update
