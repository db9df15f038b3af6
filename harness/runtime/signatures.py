"""Turns the constructor of a decorated class into what a packaged plugin declares: a configuration and a builder."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model
from torch import nn

from harness.errors import PluginError
from harness.interfaces import ActingData, DataDescription, ImageData, Kernels, TokenData, VideoData

DESCRIPTIONS = (TokenData, ImageData, VideoData, ActingData)
FROM_DATA = tuple(dict.fromkeys(item.name for description in DESCRIPTIONS for item in dataclasses.fields(description)))


def config_of(network: type[nn.Module]) -> type[BaseModel]:
    """A strict configuration with one option for each keyword argument, typed by annotation or default."""
    fields: dict[str, Any] = {}
    for name, parameter in _parameters(network).items():
        if _is_given(parameter):
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise PluginError(f"{network.__name__}: *{name} cannot be an option; name each argument")
        if parameter.default is parameter.empty:
            raise PluginError(
                f"{network.__name__}: argument {name!r} has no default; options need one "
                f"(without a default there are only {', '.join(FROM_DATA)}, which the task gives)"
            )
        annotated = parameter.annotation is not parameter.empty
        fields[name] = (parameter.annotation if annotated else type(parameter.default), parameter.default)
    strict = ConfigDict(frozen=True, extra="forbid", strict=True)
    return create_model(f"{network.__name__}Config", __config__=strict, **fields)


def builder_of(network: type[nn.Module]) -> Callable[[BaseModel, DataDescription, Kernels], nn.Module]:
    """A builder that gives the class what it takes of the data, and its options."""
    taken = [name for name, parameter in _parameters(network).items() if _is_given(parameter)]

    def build(config: BaseModel, data: DataDescription, kernels: Kernels) -> nn.Module:
        given = {field.name for field in dataclasses.fields(data)}
        if not given >= set(taken):
            raise PluginError(
                f"{network.__name__} takes {', '.join(sorted(set(taken) - given))}; this task describes its data by "
                f"{', '.join(sorted(given))}; declare only the capabilities that the class has"
            )
        options = {name: getattr(config, name) for name in type(config).model_fields}
        return network(**{name: getattr(data, name) for name in taken}, **options)

    return build


def _is_given(parameter: inspect.Parameter) -> bool:
    """Whether the task's data say what the argument is. One with a default is an option, whatever its name."""
    return parameter.name in FROM_DATA and parameter.default is parameter.empty


def _parameters(network: type[nn.Module]) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(network.__init__, eval_str=True).parameters)
    return {name: parameter for name, parameter in parameters.items() if name != "self"}
