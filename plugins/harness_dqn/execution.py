"""How networks run: in which precision, and what of `Training` no agent takes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from harness.errors import UsageError
from harness.interfaces import Array, Training
from harness.runtime.numerics import widened


def refuse_unsupported(training: Training) -> None:
    """Raises UsageError for what would change how an agent is trained and is not done."""
    if training.micro_batch:
        raise UsageError(
            f"training.micro_batch={training.micro_batch}: an agent is updated from whole batches; use micro_batch=0"
        )
    if training.ema_decay:
        raise UsageError(
            f"training.ema_decay={training.ema_decay:g}: an agent has no average of its weights; use ema_decay=0"
        )
    if training.compile:
        raise UsageError("training.compile=true: an agent is not compiled; use compile=false")


class Execution:
    """Runs a network in its precision; its outputs are float32 or wider."""

    def __init__(self, module: nn.Module, precision: str) -> None:
        self._module = module
        weight = next(module.parameters())
        self._device = weight.device
        self._dtype = weight.dtype
        self._half = None if precision == "float32" else getattr(torch, precision)

    def __call__(self, observations: Tensor) -> Tensor:
        if self._half is None:
            return widened(self._module(observations))
        with torch.autocast(self._device.type, dtype=self._half):
            return widened(self._module(observations))

    @torch.no_grad()
    def values(self, observations: Array) -> Tensor:
        """Values [envs, actions] without a gradient."""
        return self(self.inputs(observations))

    def inputs(self, observations: Array) -> Tensor:
        """Observations on the network's device, numbers in its type; bytes stay bytes."""
        tensor = torch.from_numpy(np.ascontiguousarray(observations)).to(self._device)
        return tensor if tensor.dtype == torch.uint8 else tensor.to(self._dtype)

    def numbers(self, array: Array) -> Tensor:
        """Numbers on the network's device, in its type."""
        return torch.from_numpy(array).to(self._device, self._dtype)
