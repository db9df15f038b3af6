"""Sizes a model to a budget, so that what is compared is the architecture."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from harness.configuration import parse_config
from harness.interfaces import ActingData, DataDescription, ImageData, KnowsTrainLength, Task, TokenBatch, TokenData
from harness.kernels.loading import Kernel, load_kernel
from harness.planning.trials import Match
from harness.registry import Registry
from harness.runtime.measuring import state_bytes
from harness.runtime.operations import count_operations
from harness.specs import ModelSpec

LARGEST = 1_000_000
CLOSE = 0.01
"""What is good enough where counting takes long; parameters are counted in no time, so for them nearest is nearest."""


def count_parameters(module: nn.Module) -> int:
    """Trainable parameters; tied ones count once."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def example_for(task: Task, data: DataDescription, device: torch.device) -> Tensor | None:
    """One empty example as training has them, [1, ...]; None where no pass over an example is what a model is asked.

    Sequences have the length of the training split, whatever longer ones evaluation has.
    """
    if isinstance(data, TokenData):
        length = task.train_length if isinstance(task, KnowsTrainLength) else data.length
        return torch.zeros(1, length, dtype=torch.long, device=device)
    if isinstance(data, ImageData):
        return torch.zeros(1, data.channels, data.height, data.width, device=device)
    if isinstance(data, ActingData):
        return torch.zeros(1, *data.shape, dtype=torch.uint8 if data.pixels else torch.float32, device=device)
    return None


def size_of(kind: str, module: nn.Module, example: Tensor | None, kernels: Iterable[Kernel]) -> float | None:
    """What a network takes of a budget: its parameters, the operations of a forward pass over the example, or the bytes
    of the state after it; None where the example or the network has none."""
    if kind == "parameters":
        return float(count_parameters(module))
    if example is None:
        return None
    module.eval()
    if kind == "flops":
        with torch.no_grad():
            return count_operations(lambda: module(example), kernels)
    found = state_bytes(module, TokenBatch(inputs=example, targets=example))
    return None if found is None else float(found)


def sized_options(
    task: Task, model: ModelSpec, options: Mapping[str, Any], match: Match, registry: Registry, precision: str
) -> tuple[dict[str, Any], str]:
    """The options with `sized_by` chosen to come nearest to the match, and why the result is unranked.

    Networks are built and run on the meta device, which costs no memory. The option is then larger where the model
    is, so it is searched for where the nearest must lie.
    """
    name = model.sized_by
    fields = model.config.load().model_fields
    data, meta = task.describe(), torch.device("meta")
    example = example_for(task, data, meta)
    kernels = {} if match.kind == "parameters" else {op: _without_device(op, registry) for op in model.ops}
    dtype = torch.float64 if precision == "float64" else torch.float32

    def taken(chosen: Mapping[str, Any]) -> float:
        config = parse_config(model.config.load(), chosen, model.name)
        with meta:
            module = model.build.load()(config, data, kernels or _NotCalled()).to(dtype)
        inputs = example.to(dtype) if example is not None and example.is_floating_point() else example
        found = size_of(match.kind, module, inputs, kernels.values())
        if found is None:
            raise NotImplementedError(f"{type(module).__name__} keeps no state from token to token")
        return found

    try:
        if name is None or name not in fields:
            missed = match.missed_by(taken(options))
            return dict(options), missed and f"{model.name} has no option that match.{match.kind} could size: {missed}"
        default = fields[name].default
        start = default // model.size_multiple if isinstance(default, int) else 1
        best, reached = nearest(
            lambda multiple: taken({**options, name: multiple * model.size_multiple}),
            match.target,
            start=max(1, start),
            largest=LARGEST // model.size_multiple,
            close=0.0 if match.kind == "parameters" else CLOSE,
        )
    except RuntimeError as error:
        text = str(error).splitlines()[0]
        return dict(options), f"match.{match.kind}: {model.name} cannot be counted without running it: {text}"
    return {**options, name: best * model.size_multiple}, match.missed_by(
        reached, f"{name}={best * model.size_multiple}"
    )


def nearest(
    count: Callable[[int], float], target: float, *, start: int, largest: int, close: float
) -> tuple[int, float]:
    """The number from 1 to `largest` whose count is nearest to the target, or within `close` of it as a share, and that
    count. Counts rise with the number, much as a power of it, along which the next guess lies."""
    counts: dict[int, float] = {}
    low, high, guess = 0, largest + 1, start
    while high - low > 1:
        found = counts[guess] = count(guess)
        if abs(found - target) <= close * target:
            return guess, found
        width = high - low
        low, high = (guess, high) if found < target else (low, guess)
        narrowed = high - low <= width / 2 or high > largest
        guess = _guess(counts, target, low, high) if narrowed else (low + high) // 2
        guess = min(max(guess, low + 1), high - 1)
    best = min((number for number in (low, high) if number in counts), key=lambda number: abs(counts[number] - target))
    return best, counts[best]


def _guess(counts: Mapping[int, float], target: float, low: int, high: int) -> int:
    """Where the power law through the two counts that lie nearest around the target meets it."""
    around = sorted(counts, key=lambda number: (number not in (low, high), abs(counts[number] - target)))[:2]
    first, second = around[0], around[-1]
    slope = 1.0
    if first != second and min(counts[first], counts[second]) > 0 and counts[first] != counts[second]:
        slope = math.log(counts[second] / counts[first]) / math.log(second / first)
    if counts[first] <= 0:
        return 2 * first
    # Far from what was counted the law may be another, so no step is longer than this.
    factor = math.pow(target / counts[first], 1 / max(slope, 0.25))
    return round(first * min(16.0, max(1 / 16, factor)))


def _without_device(op: str, registry: Registry) -> Kernel:
    """The op as plain torch, which runs on the meta device; its operations are those of the op's cost model."""
    return load_kernel(op, "torch" if "torch" in registry.kernels_of(op) else "reference", registry)


class _NotCalled(dict[str, Any]):
    """Stands for the kernels where a network is only counted, so none needs to be loaded."""

    def __missing__(self, op: str) -> Any:
        return _uncallable


def _uncallable(*arguments: Any) -> Any:
    raise AssertionError("a network that is built to be counted is not run")
