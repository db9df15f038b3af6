"""Values and gradients of a kernel beside those of the definition."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.specs import OpSpec

ROUNDING = {"float64": 1e-13, "float32": 5e-7, "float16": 3.5e-4, "bfloat16": 2.8e-3}
"""What a result that is right up to the rounding of a few operations may be off by, relative to its norm."""
SHARE_OF_EAGER = (2.0, 3.0)
"""How many times the error of the definition itself in the same dtype is allowed: of values, of gradients."""
LARGEST_ELEMENT = 4.0
"""How many times the limit of the norm a single element may be off by, relative to the largest element."""


@dataclass(frozen=True, slots=True)
class Found:
    """One output or gradient."""

    name: str
    is_gradient: bool
    tensor: Tensor


@dataclass(frozen=True, slots=True)
class Error:
    """The difference between what was found and what was wanted, relative to what was wanted.

    `norm` compares Euclidean norms, `largest` the largest elements. Both are infinite where a shape differs or a
    number is not finite.
    """

    norm: float
    largest: float


def make_arguments(op: OpSpec, size: Mapping[str, Any], seed: int, dtype_name: str) -> tuple[Any, ...]:
    """The op's inputs of a size in a dtype, on the CPU; the same seed gives the same inputs."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(op.make_inputs.load()(size, generator, getattr(torch, dtype_name)))


def exact(arguments: Sequence[Any]) -> tuple[Any, ...]:
    """The same numbers in float64."""
    return tuple(
        argument.detach().double().requires_grad_(argument.requires_grad)
        if isinstance(argument, Tensor) and argument.is_floating_point()
        else argument
        for argument in arguments
    )


def placed(arguments: Sequence[Any], device: torch.device | str) -> tuple[Any, ...]:
    """Copies on a device; what is differentiable stays so."""
    return tuple(
        argument.detach().to(device, copy=True).requires_grad_(argument.requires_grad)
        if isinstance(argument, Tensor)
        else argument
        for argument in arguments
    )


def values_and_gradients(
    function: Callable[..., Any], arguments: Sequence[Any], with_gradients: bool = True
) -> list[Found]:
    """Outputs, then the gradient of each input that requires one, under fixed output weights."""
    outputs = function(*arguments)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    found = [Found(f"output {i}", False, output.detach()) for i, output in enumerate(outputs)]
    inputs = {i: value for i, value in enumerate(arguments) if isinstance(value, Tensor) and value.requires_grad}
    if inputs and with_gradients:
        total = sum((output * _weights(output)).sum() for output in outputs if output.requires_grad)
        gradients = torch.autograd.grad(total, list(inputs.values()), materialize_grads=True)
        found += [Found(f"gradient of input {i}", True, g) for i, g in zip(inputs, gradients, strict=True)]
    return found


def _weights(output: Tensor) -> Tensor:
    """Weights that are the same in every dtype up to rounding, and differ from place to place."""
    places = torch.arange(output.numel(), dtype=torch.float64)
    # Sixteenths survive rounding to eight bits, so that every dtype has the same weights.
    weights = ((places * 37 % 29) - 14) / 16
    return weights.reshape(output.shape).to(output.device, output.dtype)


def relative_error(found: Tensor, wanted: Tensor) -> Error:
    """How far `found` is from `wanted`, computed in float64."""
    got, want = found.detach().cpu().double(), wanted.detach().cpu().double()
    if got.shape != want.shape or not bool(torch.isfinite(got).all()):
        return Error(math.inf, math.inf)
    if not want.numel():
        return Error(0.0, 0.0)
    difference = got - want
    # Where the definition is exactly zero (a gradient of a single key), there is nothing to be relative to.
    norm, largest = float(want.norm()) or 1.0, float(want.abs().max()) or 1.0
    return Error(float(difference.norm()) / norm, float(difference.abs().max()) / largest)
