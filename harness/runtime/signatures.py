"""Turns the constructor of a decorated class into what a packaged plugin declares: a configuration and a builder."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, create_model
from torch import nn

from harness.errors import PluginError
from harness.interfaces import Kernels, TokenData

FROM_DATA = ("vocab", "length")


def config_of(network: type[nn.Module]) -> type[BaseModel]:
    """A strict configuration with one option for each keyword argument, typed by annotation or default."""
    fields: dict[str, Any] = {}
    for name, parameter in _parameters(network).items():
        if name in FROM_DATA:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise PluginError(f"{network.__name__}: *{name} cannot be an option; name each argument")
        if parameter.default is parameter.empty:
            raise PluginError(
                f"{network.__name__}: argument {name!r} has no default; options need one "
                f"(without a default there are only {' and '.join(FROM_DATA)}, which the task gives)"
            )
        annotated = parameter.annotation is not parameter.empty
        fields[name] = (parameter.annotation if annotated else type(parameter.default), parameter.default)
    strict = ConfigDict(frozen=True, extra="forbid", strict=True)
    return create_model(f"{network.__name__}Config", __config__=strict, **fields)


def builder_of(network: type[nn.Module]) -> Callable[[BaseModel, TokenData, Kernels], nn.Module]:
    """A builder that gives the class what it takes of the data, and its options."""
    taken = [name for name in FROM_DATA if name in _parameters(network)]

    def build(config: BaseModel, data: TokenData, kernels: Kernels) -> nn.Module:
        options = {name: getattr(config, name) for name in type(config).model_fields}
        return network(**{name: getattr(data, name) for name in taken}, **options)

    return build


def _parameters(network: type[nn.Module]) -> dict[str, inspect.Parameter]:
    parameters = dict(inspect.signature(network.__init__, eval_str=True).parameters)
    return {name: parameter for name, parameter in parameters.items() if name != "self"}
