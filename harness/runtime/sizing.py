"""Sizes a model to a parameter budget, so that what is compared is the architecture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from harness.configuration import parse_config
from harness.errors import UsageError
from harness.specs import ModelSpec, TaskSpec

MARGIN = 0.10


def count_parameters(module: nn.Module) -> int:
    """Trainable parameters; tied ones count once."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def sized_options(
    task: TaskSpec, task_options: Mapping[str, Any], model: ModelSpec, options: Mapping[str, Any], target: int
) -> tuple[dict[str, Any], str]:
    """The options with `sized_by` chosen to come nearest to `target` parameters, and why the result is unranked.

    Networks are built on the meta device, which costs no memory.
    """
    name = model.sized_by
    fields = model.config.load().model_fields
    if name is None or name not in fields:
        return dict(options), f"{model.name} has no option that match.parameters could size"
    data = task.build.load()(parse_config(task.config.load(), task_options, task.name)).describe()

    def count(multiple: int) -> int:
        config = parse_config(model.config.load(), {**options, name: multiple * model.size_multiple}, model.name)
        with torch.device("meta"):
            return count_parameters(model.build.load()(config, data, _NotCalled()))

    low, high = 1, 2
    while count(high) < target:
        low, high = high, high * 2
        if high * model.size_multiple > 1_000_000:
            raise UsageError(f"match.parameters={target}: {model.name} does not reach it with any {name}")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < target else (low, middle)
    best = min((low, high), key=lambda multiple: abs(count(multiple) - target))
    reached = count(best)
    unranked = ""
    if abs(reached - target) > MARGIN * target:
        unranked = f"nearest to {target} parameters are {reached} ({name}={best * model.size_multiple}), over 10% off"
    return {**options, name: best * model.size_multiple}, unranked


class _NotCalled(dict[str, Any]):
    """Stands for the kernels where a network is only counted, so none needs to be loaded."""

    def __missing__(self, op: str) -> Any:
        return _uncallable


def _uncallable(*arguments: Any) -> Any:
    raise AssertionError("a network that is built to be counted is not run")
