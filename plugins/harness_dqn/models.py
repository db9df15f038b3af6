"""The agents by name: which network each has, and which rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from harness.interfaces import ActingData, Kernels, ParameterGroup, Training
from harness_dqn.agents import ConstantAgent, Indifferent, RandomAgent, refuse_unknown_action
from harness_dqn.config import (
    ConstantAgentConfig,
    Dqn2013Config,
    Dqn2015Config,
    DqnSampleEfficientConfig,
    PqnConfig,
    RandomAgentConfig,
    ReplayConfig,
)
from harness_dqn.networks import (
    NETWORK_2013,
    NETWORK_2015,
    NETWORK_NORMALISED,
    NETWORK_NORMALISED_2015,
    QNetwork,
    fitted_to_frames,
)
from harness_dqn.parallel_q import ParallelQLearner
from harness_dqn.q_learner import QLearner, Rule
from harness_dqn.rmsprop import CentredRmsProp
from harness_dqn.targets import clipped_error, double_value, largest_value, squared_error

ADAM_EPSILON = 1.5e-4
Config = TypeVar("Config", bound=ReplayConfig)


def build_dqn_2013(config: Dqn2013Config, data: ActingData, kernels: Kernels) -> QNetwork[Dqn2013Config]:
    return QNetwork(NETWORK_2013, data, config)


def build_dqn_2015(config: Dqn2015Config, data: ActingData, kernels: Kernels) -> QNetwork[Dqn2015Config]:
    return QNetwork(NETWORK_2015, data, config)


build_double_dqn = build_dqn_2015


def build_dqn_sample_efficient(
    config: DqnSampleEfficientConfig, data: ActingData, kernels: Kernels
) -> QNetwork[DqnSampleEfficientConfig]:
    return QNetwork(fitted_to_frames(NETWORK_NORMALISED, data), data, config)


def build_pqn(config: PqnConfig, data: ActingData, kernels: Kernels) -> QNetwork[PqnConfig]:
    return QNetwork(NETWORK_NORMALISED_2015, data, config)


def build_random_agent(config: RandomAgentConfig, data: ActingData, kernels: Kernels) -> Indifferent[RandomAgentConfig]:
    return Indifferent(data, config)


def build_constant_agent(
    config: ConstantAgentConfig, data: ActingData, kernels: Kernels
) -> Indifferent[ConstantAgentConfig]:
    refuse_unknown_action(config, data)
    return Indifferent(data, config)


def _dqn_2013(config: Dqn2013Config) -> Rule:
    """Squared error against the network's own values."""
    return Rule(next_value=largest_value, error=squared_error, reduce=torch.sum, optimiser=_rmsprop)


def _dqn_2015(config: Dqn2015Config) -> Rule:
    """Clipped error against the target network's values."""
    return Rule(
        next_value=largest_value,
        error=clipped_error,
        reduce=torch.sum,
        optimiser=_rmsprop,
        target_updates=config.target_updates,
    )


def _double_dqn(config: Dqn2015Config) -> Rule:
    """Clipped error against the target network's value of what the network would choose."""
    return replace(_dqn_2015(config), next_value=double_value)


def _dqn_sample_efficient(config: DqnSampleEfficientConfig) -> Rule:
    """Clipped error against double Q-values n steps on, and random actions that are held."""
    return Rule(
        next_value=double_value,
        error=clipped_error,
        reduce=torch.mean,
        optimiser=_adam,
        target_updates=config.target_updates,
        num_returns=config.num_returns,
        longest_exploration=config.longest_exploration,
        gradient_norm=config.gradient_norm,
    )


def _learner_of(rule: Callable[[Config], Rule]) -> Callable[..., QLearner]:
    """What builds the learner of a network by a rule that its options fill in."""

    def learn(
        module: QNetwork[Config],
        *,
        training: Training,
        steps: int,
        groups: Iterable[ParameterGroup] = (),
        precision: str = "float32",
    ) -> QLearner:
        return QLearner(module, rule(module.config), training=training, steps=steps, precision=precision)

    return learn


def _rmsprop(parameters: Iterable[Tensor], rate: float) -> CentredRmsProp:
    return CentredRmsProp(parameters, rate=rate)


def _adam(parameters: Iterable[Tensor], rate: float) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=rate, eps=ADAM_EPSILON, fused=True)


learn_dqn_2013 = _learner_of(_dqn_2013)
learn_dqn_2015 = _learner_of(_dqn_2015)
learn_double_dqn = _learner_of(_double_dqn)
learn_dqn_sample_efficient = _learner_of(_dqn_sample_efficient)
learn_pqn = ParallelQLearner
learn_random_agent = RandomAgent
learn_constant_agent = ConstantAgent
