"""The default learner of token models: cross-entropy, AdamW, warm-up and cosine decay."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from harness.errors import PluginError
from harness.interfaces import IGNORE, ParameterGroup, TokenBatch, Training


class DefaultTokenLearner:
    """Trains a module that maps tokens [batch, length] to logits [batch, length, vocab].

    Where a batch asks for one class, the logits are averaged over the sequence: the mean of a linear head's outputs is
    the head's output on the mean of its inputs, so this is mean pooling for every model alike.
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

    def train_step(self, batch: TokenBatch) -> Mapping[str, Tensor]:
        self.module.train()
        factor = schedule(self._step, self._steps, self._training)
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor
        loss = token_loss(self.logits(batch), batch)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self._training.gradient_clip > 0:
            nn.utils.clip_grad_norm_(self._parameters, self._training.gradient_clip)
        self._optimizer.step()
        self._step += 1
        return {"loss": loss.detach()}

    def logits(self, batch: TokenBatch) -> Float[Tensor, "batch length vocab"] | Float[Tensor, "batch vocab"]:
        with self._precision(batch.inputs.device):
            logits = self.module(batch.inputs)
        if batch.targets.ndim == 2:
            return logits.float()  # type: ignore[no-any-return]
        return mean_over_sequence(logits.float(), batch.lengths)

    def _precision(self, device: torch.device) -> AbstractContextManager[Any]:
        return nullcontext() if self._autocast is None else torch.autocast(device.type, dtype=self._autocast)


def token_loss(logits: Tensor, batch: TokenBatch) -> Tensor:
    """Mean cross-entropy in nats over the scored targets."""
    return F.cross_entropy(logits.flatten(0, -2), batch.targets.flatten(), ignore_index=IGNORE)


def mean_over_sequence(
    logits: Float[Tensor, "batch length vocab"], lengths: Tensor | None
) -> Float[Tensor, "batch vocab"]:
    """Mean over each sequence's real tokens."""
    if lengths is None:
        return logits.mean(dim=1)
    real = torch.arange(logits.shape[1], device=logits.device) < lengths[:, None]  # [B, L]
    return (logits * real[..., None]).sum(dim=1) / lengths[:, None]


def schedule(step: int, steps: int, training: Training) -> float:
    """The factor on the learning rate: linear warm-up, then half a cosine down to `final_fraction`."""
    warmup = max(1, round(steps * training.warmup_fraction))
    if step < warmup:
        return (step + 1) / warmup
    progress = min(1.0, (step - warmup) / max(1, steps - warmup))
    return training.final_fraction + (1 - training.final_fraction) * 0.5 * (1 + math.cos(math.pi * progress))


def _optimizer(
    module: nn.Module, training: Training, special: Sequence[ParameterGroup]
) -> tuple[torch.optim.Optimizer, list[float]]:
    """AdamW over the groups. Biases, gains and other vectors are not decayed."""
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
    optimizer = torch.optim.AdamW(groups, lr=training.learning_rate, betas=training.betas, fused=True)
    return optimizer, [float(group["lr"]) for group in groups]
