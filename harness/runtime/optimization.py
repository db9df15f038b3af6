"""What every supervised learner does alike: precision, compilation, schedule, clipping, the step, the average."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from harness.errors import PluginError
from harness.interfaces import ParameterGroup, Training
from harness.runtime.numerics import widened


class Optimization:
    """Trains a module by gradients of a loss, as `Training` says.

    Outputs in training are those of the weights that are trained, in evaluation those of their average where there is
    one. `precision` is float32 or a half type, in which torch.autocast then runs the network.
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        training: Training,
        steps: int,
        groups: Iterable[ParameterGroup] = (),
        precision: str = "float32",
    ) -> None:
        self.module = module
        self._training = training
        self._steps = steps
        self._step = 0
        self._autocast = None if precision == "float32" else getattr(torch, precision)
        self._optimizer, self._rates = _optimizer(module, training, list(groups))
        self._parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
        self._average = AveragedModel(module, avg_fn=moving_average(training.ema_decay)) if training.ema_decay else None
        self._trained = _compiled(module, training.compile)

    def expect_steps(self, steps: int) -> None:
        """Let the schedule go over so many steps in all."""
        self._steps = steps

    @property
    def evaluated(self) -> nn.Module:
        """The network whose weights evaluation reads."""
        return self.module if self._average is None else self._average.module

    def outputs(self, inputs: Tensor) -> Tensor:
        """What the network makes of the inputs, in float32 or wider."""
        training = self.module.training
        network = self._trained if training or self._average is None else self.evaluated.train(False)
        with self.autocast(inputs.device):
            outputs: Tensor = network(inputs)
        return widened(outputs)

    def autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        """The context in which the network runs in its precision."""
        return nullcontext() if self._autocast is None else torch.autocast(device.type, dtype=self._autocast)

    def update(self, losses: Iterable[Tensor]) -> Tensor:
        """One step down the gradient of the losses' sum, which is returned; each is let go before the next is made."""
        factor = schedule(self._step, self._steps, self._training)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        self._optimizer.zero_grad(set_to_none=True)
        parts = []
        for loss in losses:
            loss.backward()
            parts.append(loss.detach())
        if self._training.gradient_clip > 0:
            nn.utils.clip_grad_norm_(self._parameters, self._training.gradient_clip)
        self._optimizer.step()
        if self._average is not None:
            self._average.update_parameters(self.module)
        self._step += 1
        return parts[0] if len(parts) == 1 else torch.stack(parts).sum()


def schedule(step: int, steps: int, training: Training) -> float:
    """The factor on the learning rate: linear warm-up, then down to `final_fraction` along half a cosine or a line."""
    warmup = max(1, round(steps * training.warmup_fraction))
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    left = 1 - progress if training.decay == "linear" else 0.5 * (1 + math.cos(math.pi * progress))
    return training.final_fraction + (1 - training.final_fraction) * left


def _compiled(module: nn.Module, compile: bool) -> nn.Module:
    return cast(nn.Module, torch.compile(module)) if compile else module


def moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """The rule of an exponential moving average, for `AveragedModel`; what is not a real number is taken as it is."""

    def toward(average: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        if not average.is_floating_point():
            return current
        # Early on the average may not remember the initial weights for longer than it has existed.
        kept = min(decay, (1 + float(count)) / (10 + float(count)))
        return average.lerp(current, 1 - kept)

    return toward


def _optimizer(
    module: nn.Module, training: Training, special: Sequence[ParameterGroup]
) -> tuple[torch.optim.Optimizer, list[float]]:
    """The optimiser over the groups, and the peak rate of each. Biases, gains and other vectors are not decayed."""
    named = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    if not named:
        raise PluginError(f"{type(module).__name__} has no parameter to train")
    unknown = {name for group in special for name in group.names} - named.keys()
    if unknown:
        raise PluginError(
            f"parameter_groups of {type(module).__name__} names {sorted(unknown)}, which are not its parameters"
        )
    taken = {name for group in special for name in group.names}
    groups: list[dict[str, Any]] = []
    for matrices in (True, False):
        members = [p for name, p in named.items() if name not in taken and (p.ndim >= 2) == matrices]
        decay = training.weight_decay if matrices else 0.0
        groups.append({"params": members, "weight_decay": decay, "lr": training.learning_rate})
    for group in special:
        rate = training.learning_rate * group.learning_rate_scale
        if group.max_learning_rate is not None:
            rate = min(rate, group.max_learning_rate)
        decay = training.weight_decay if group.weight_decay is None else group.weight_decay
        groups.append({"params": [named[name] for name in sorted(group.names)], "weight_decay": decay, "lr": rate})
    groups = [group for group in groups if group["params"]]
    rates = [float(group["lr"]) for group in groups]
    if training.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=training.learning_rate, momentum=training.momentum, fused=True), rates
    if training.optimizer == "adagrad":
        return torch.optim.Adagrad(groups, lr=training.learning_rate, fused=True), rates
    return torch.optim.AdamW(groups, lr=training.learning_rate, betas=training.betas, fused=True), rates
