"""The learner of a trial, from what the plan says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import torch

from harness.configuration import parse_config
from harness.errors import PluginError
from harness.interfaces import DataDescription, Learner
from harness.runtime.context import TrialContext
from harness.runtime.learning import DefaultClassifierLearner, DefaultGenerativeLearner, DefaultTokenLearner
from harness.runtime.operating import OpLearner
from harness.runtime.seeding import seeded
from harness.specs import Capability

DEFAULT_LEARNERS: Mapping[Capability, Callable[..., Learner]] = {
    Capability.PREDICTS_TOKENS: DefaultTokenLearner,
    Capability.STEPS_TOKENS: DefaultTokenLearner,
    Capability.CLASSIFIES: DefaultClassifierLearner,
    Capability.EXTRACTS_FEATURES: DefaultClassifierLearner,
    Capability.RECONSTRUCTS: DefaultGenerativeLearner,
    Capability.BOUNDS_LIKELIHOOD: DefaultGenerativeLearner,
    Capability.COMPLETES: DefaultGenerativeLearner,
    Capability.SAMPLES_IMAGES: DefaultGenerativeLearner,
    Capability.SAMPLES_VIDEO: DefaultGenerativeLearner,
    Capability.RUNS_ALONE: OpLearner,
}


def build_learner(
    context: TrialContext,
    learning_rate: float,
    data: DataDescription | None = None,
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Learner:
    """The model's network, initialised from the seed's own stream, with its learner.

    It is built for `data`, the task's own where none are given, with these `options` in place of the trial's.
    """
    trial, model = context.trial, context.model
    config = parse_config(model.config.load(), {**trial.model_options, **options}, trial.model)
    dtype = torch.float64 if trial.precision == "float64" else torch.float32
    with seeded(context.streams.integer("initialisation")):
        module = model.build.load()(config, data or context.task.describe(), context.kernels)
    if not isinstance(module, torch.nn.Module):
        raise PluginError(f"{trial.model}: build returned {type(module).__name__}; it must return an nn.Module")
    module = module.to(device=context.device, dtype=dtype)
    build: Callable[..., Learner]
    if model.learner is not None:
        build = model.learner.load()
    elif context.task_spec.needs in DEFAULT_LEARNERS:
        build = DEFAULT_LEARNERS[context.task_spec.needs]
    else:
        raise PluginError(f"{trial.model}: {context.task_spec.needs} has no default learner; give the model its own")
    return build(
        module,
        training=replace(trial.training, learning_rate=learning_rate),
        steps=trial.budget.steps,
        groups=model.parameter_groups.load()(module) if model.parameter_groups is not None else (),
        precision="bfloat16" if trial.precision == "bfloat16" else "float32",
    )
