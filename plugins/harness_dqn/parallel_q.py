"""Q(lambda) on the newest steps of many environments, without replay or target network (Gallici et al. 2024)."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from harness.interfaces import Array, ParameterGroup, State, Training, Transitions
from harness.runtime.checkpoints import restored_transitions, transitions_state
from harness_dqn.config import PqnConfig
from harness_dqn.execution import Execution, refuse_unsupported
from harness_dqn.exploration import Exploration, epsilon
from harness_dqn.networks import QNetwork
from harness_dqn.targets import lambda_returns, value_of


class ParallelQLearner:
    """Acts epsilon-greedily for `rollout` steps, then goes through them in shuffled minibatches.

    Of `Training` it takes the learning rate, which falls in a line to 0, and the size of a minibatch.
    """

    def __init__(
        self,
        module: QNetwork[PqnConfig],
        *,
        training: Training,
        steps: int,
        groups: Iterable[ParameterGroup] = (),
        precision: str = "float32",
    ) -> None:
        refuse_unsupported(training)
        self.module = module
        self._config = module.config
        self._training = training
        self._total_steps = steps
        self._online = Execution(module, precision)
        self._optimiser = torch.optim.RAdam(module.parameters(), lr=training.learning_rate)
        self._exploration = Exploration(module.data.num_actions)
        self._rollout: list[Transitions] = []
        self._steps = 0

    @property
    def epsilon(self) -> float:
        """The share of random actions now."""
        config = self._config
        falling = max(1, round(config.epsilon_fraction * self._total_steps))
        return epsilon(self._steps, start=0, initial=config.initial_epsilon, final=config.final_epsilon, steps=falling)

    def act(self, observations: Array) -> Array:
        chosen = self._exploration.actions(len(observations), self.epsilon).numpy()
        return np.where(chosen < 0, self.values(observations).argmax(axis=1), chosen)

    def values(self, observations: Array) -> Array:
        values: Array = self._online.values(observations).cpu().numpy()
        return values

    def observe(self, transitions: Transitions) -> Mapping[str, float]:
        """Keep the step; the last one of a rollout makes the updates that are due."""
        self._rollout.append(transitions)
        self._steps += len(transitions.actions)
        if len(self._rollout) < self._config.rollout:
            return {}
        targets = self._targets().flatten()
        observations = np.concatenate([kept.observations for kept in self._rollout])
        actions = torch.from_numpy(np.concatenate([kept.actions for kept in self._rollout]).astype(np.int64))
        self._rollout = []
        for group in self._optimiser.param_groups:
            group["lr"] = self._training.learning_rate * max(0.0, 1 - self._steps / self._total_steps)
        measured = [
            self._update(observations[chosen.numpy()], actions[chosen], targets[chosen.to(targets.device)])
            for _ in range(self._config.epochs)
            for chosen in torch.randperm(len(actions)).split(self._training.batch_size)
        ]
        loss, value = torch.stack(measured).mean(dim=0).tolist()
        return {"loss": loss, "q": value, "epsilon": self.epsilon}

    def state(self) -> State:
        return {
            "network": self.module.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "exploration": self._exploration.state(),
            "rollout": [transitions_state(kept) for kept in self._rollout],
            "steps": self._steps,
        }

    def restore(self, state: State) -> None:
        self.module.load_state_dict(state["network"])
        self._optimiser.load_state_dict(copy.deepcopy(state["optimiser"]))
        self._exploration.restore(state["exploration"])
        self._rollout = [restored_transitions(kept) for kept in state["rollout"]]
        self._steps = state["steps"]

    def _targets(self) -> Tensor:
        """Returns [steps, envs] by the network as it acted."""
        kept, numbers = self._rollout, self._online.numbers
        rewards = np.stack([step.rewards for step in kept])
        terminated = np.stack([step.terminated for step in kept])
        ends = terminated | np.stack([step.truncated | step.restarted for step in kept])
        return lambda_returns(
            numbers(np.clip(rewards, -1, 1) if self._config.clip_rewards else rewards),
            torch.stack([self._online.values(step.next_observations).amax(dim=1) for step in kept]),
            numbers(terminated),
            numbers(ends),
            gamma=self._config.gamma,
            trace=self._config.trace,
        )

    def _update(self, observations: Array, actions: Tensor, targets: Tensor) -> Tensor:
        values = value_of(self._online(self._online.inputs(observations)), actions.to(targets.device))
        loss = (values - targets).square().mean() / 2
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), self._config.gradient_norm)
        self._optimiser.step()
        return torch.stack([loss.detach(), values.detach().mean()])
