"""Kernels as the plan chose them, each held to its op's definition before anything it does is timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import _disable_current_modes

from harness.registry import Registry
from harness.specs import KernelSpec, OpSpec


@dataclass(slots=True)
class Kernel:
    """A kernel that a model calls. While `counting`, calls of an op with a cost model add to `flops`."""

    op: OpSpec
    spec: KernelSpec
    function: Callable[..., Any]
    counting: bool = False
    flops: float = 0.0
    _cost: Callable[..., float] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._cost = self.op.flops.load() if self.op.flops is not None else None

    def __call__(self, *arguments: Any) -> Any:
        if not self.counting or self._cost is None:
            return self.function(*arguments)
        self.flops += self._cost(*arguments)
        with _disable_current_modes():
            return self.function(*arguments)


def load_kernels(chosen: Mapping[str, str], registry: Registry) -> dict[str, Kernel]:
    """The callables that a model gets, by op."""
    kernels = {}
    for op, name in chosen.items():
        spec = registry.kernel(op, name).spec
        kernels[op] = Kernel(registry.ops[op].spec, spec, spec.implementation.load())
    return kernels


def check_kernel(kernel: Kernel, registry: Registry, device: torch.device, dtype_name: str) -> str:
    """Why a kernel is not equal to its op's definition, or "" if it is.

    Values and every gradient are compared with the reference in float64, at each size that the op declares, by the
    norm of the difference over the norm of the reference. NaN always fails.
    """
    if kernel.spec.name == "reference":
        return ""
    op = kernel.op
    dtype_name = dtype_name if dtype_name in op.tolerances else "float32"
    limits = op.tolerances[dtype_name]
    reference = registry.kernel(op.name, "reference").spec.implementation.load()
    for index, size in enumerate(op.sizes):
        generator = torch.Generator().manual_seed(index)
        arguments = op.make_inputs.load()(size, generator, torch.float64)
        expected = _values_and_gradients(reference, arguments, "cpu", torch.float64)
        found = _values_and_gradients(kernel.function, arguments, device, getattr(torch, dtype_name))
        for (name, is_gradient, want), (_, _, got) in zip(expected, found, strict=True):
            error = _relative_error(got, want)
            if not error <= limits[is_gradient]:
                return (
                    f"kernel {op.name}.{kernel.spec.name} differs from the reference at {dict(size)}: {name} is off by "
                    f"{error:.1e}, {limits[is_gradient]:.0e} is allowed in {dtype_name}"
                )
    return ""


def _values_and_gradients(
    function: Callable[..., Any], arguments: tuple[Any, ...], device: torch.device | str, dtype: torch.dtype
) -> list[tuple[str, bool, Tensor]]:
    """Outputs, then the gradient of each input that requires one, under fixed output weights."""
    moved = [_moved(argument, device, dtype) for argument in arguments]
    outputs = function(*moved)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    found = [(f"output {i}", False, output.detach()) for i, output in enumerate(outputs)]
    inputs = {
        i: argument for i, argument in enumerate(moved) if isinstance(argument, Tensor) and argument.requires_grad
    }
    if inputs:
        total = sum((output * _weights(output)).sum() for output in outputs if output.requires_grad)
        gradients = torch.autograd.grad(total, list(inputs.values()), materialize_grads=True)
        found += [(f"gradient of input {i}", True, gradient) for i, gradient in zip(inputs, gradients, strict=True)]
    return found


def _moved(argument: Any, device: torch.device | str, dtype: torch.dtype) -> Any:
    if not isinstance(argument, Tensor):
        return argument
    moved = argument.detach()
    if moved.is_complex():
        moved = moved.to(torch.complex128 if dtype == torch.float64 else torch.complex64)
    elif moved.is_floating_point():
        moved = moved.to(dtype)
    return moved.to(device, copy=True).requires_grad_(argument.requires_grad)


def _weights(output: Tensor) -> Tensor:
    """Weights that are the same in every dtype and differ from place to place."""
    weights = torch.linspace(-1, 1, max(1, output.numel()), dtype=torch.float64).cos()
    return weights.reshape(output.shape).to(output.device, output.real.dtype if output.is_complex() else output.dtype)


def _relative_error(found: Tensor, wanted: Tensor) -> float:
    wide = torch.complex128 if wanted.is_complex() else torch.float64
    got, want = found.detach().cpu().to(wide), wanted.to(wide)
    if got.shape != want.shape or not bool(torch.isfinite(got).all()):
        return float("inf")
    if not want.numel():
        return 0.0
    # Where the definition is exactly zero (a gradient of a single key), there is nothing to be relative to.
    scale = want.norm()
    difference = (got - want).norm()
    return float(difference / scale) if scale > 0 else float(difference)
