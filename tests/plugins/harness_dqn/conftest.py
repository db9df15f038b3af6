"""What the tests of the agents share: builders of agents, a line of states with known values, and CartPole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from harness.interfaces import ActingData, Training, Transitions
from harness_dqn import models
from harness_dqn.plugin import harness_models

SPECS = {spec.name: spec for spec in harness_models()}
NUMBERS = ActingData(num_actions=3, shape=(5,), pixels=False)
FOUR_AT_ONCE = Training(batch_size=4)


class Line:
    """States 0 to `length` - 1 one-hot; action 1 goes up, 0 down or stays at 0. Reaching the top gives 1 and ends.

    An episode is cut after `limit` steps. Each begins anywhere below the top.
    """

    def __init__(self, length: int, num_environments: int, *, limit: int = 20) -> None:
        self.data = ActingData(num_actions=2, shape=(length,), pixels=False)
        self.generator = np.random.default_rng(0)
        self.length, self.limit = length, limit
        self.states = self.generator.integers(0, length - 1, num_environments)
        self.ages = np.zeros(num_environments, int)

    @property
    def observations(self):
        return self.seen(self.states)

    def seen(self, states):
        return np.eye(self.length, dtype=np.float32)[states]

    def step(self, actions):
        before, after = self.states, np.maximum(self.states + 2 * actions - 1, 0)
        self.ages += 1
        terminated = after == self.length - 1
        truncated = ~terminated & (self.ages >= self.limit)
        restarted = terminated | truncated
        self.states = np.where(restarted, self.generator.integers(0, self.length - 1, len(after)), after)
        self.ages[restarted] = 0
        return Transitions(
            observations=self.seen(before),
            actions=actions,
            rewards=terminated.astype(np.float64),
            terminated=terminated,
            truncated=truncated,
            restarted=restarted,
            next_observations=self.seen(after),
        )

    def optimal_values(self, gamma):
        """[length - 1, 2]: gamma to the number of steps that remain after the next."""
        states = np.arange(self.length - 1)
        return np.stack(
            [gamma ** (self.length - 1 - np.maximum(states - 1, 0)), gamma ** (self.length - 2 - states)], 1
        )


class CartPole:
    """gymnasium's, with the next episode's first observation at once after an end."""

    data = ActingData(num_actions=2, shape=(4,), pixels=False)

    def __init__(self, num_environments: int, *, seed: int) -> None:
        self.environments = gymnasium.make_vec(
            "CartPole-v1",
            num_envs=num_environments,
            vectorization_mode="sync",
            vector_kwargs={"autoreset_mode": gymnasium.vector.AutoresetMode.SAME_STEP},
        )
        self.observations, _ = self.environments.reset(seed=seed)

    def step(self, actions):
        before = self.observations
        self.observations, rewards, terminated, truncated, info = self.environments.step(actions)
        restarted = terminated | truncated
        following = self.observations.copy()
        for index in np.flatnonzero(restarted):
            following[index] = info["final_obs"][index]
        return Transitions(
            observations=before,
            actions=actions,
            rewards=rewards,
            terminated=terminated,
            truncated=truncated,
            restarted=restarted,
            next_observations=following,
        )


@pytest.fixture
def agent() -> Callable[..., Any]:
    """Builds an agent's learner from seed 0."""

    def make(
        name: str,
        data: ActingData = NUMBERS,
        *,
        training: Training = FOUR_AT_ONCE,
        steps: int = 1000,
        precision: str = "float32",
        dtype: torch.dtype = torch.float32,
        **options: object,
    ) -> Any:
        torch.manual_seed(0)
        config = SPECS[name].config.load().model_validate(options)
        module = getattr(models, f"build_{name}")(config, data, {}).to(dtype)
        return getattr(models, f"learn_{name}")(module, training=training, steps=steps, precision=precision)

    return make


@pytest.fixture
def step() -> Callable[..., Transitions]:
    """Makes one step of environments whose observations are numbers."""

    def make(num_environments: int = 1, *, seed: int = 0, **given: object) -> Transitions:
        generator = np.random.default_rng(seed)
        drawn = generator.normal(size=(2, num_environments, 5)).astype(np.float32)
        fields: dict[str, Any] = {
            "observations": drawn[0],
            "actions": generator.integers(0, 3, num_environments),
            "rewards": generator.normal(size=num_environments),
            "terminated": np.zeros(num_environments, bool),
            "truncated": np.zeros(num_environments, bool),
            "restarted": np.ones(num_environments, bool),
            "next_observations": drawn[1],
        }
        return Transitions(**fields | given)

    return make


@pytest.fixture
def line() -> Callable[..., Line]:
    return Line


@pytest.fixture
def cart_pole() -> Callable[..., CartPole]:
    return CartPole


@pytest.fixture
def train() -> Callable[..., None]:
    """Lets a learner act and learn for so many steps of all environments."""

    def run(learner: Any, environments: Any, steps: int) -> None:
        for _ in range(steps):
            learner.observe(environments.step(learner.act(environments.observations)))

    return run
