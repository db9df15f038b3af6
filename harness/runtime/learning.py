"""The default learners: cross-entropy for models of tokens and for classifiers of images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Literal, TypeAlias

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from harness.errors import PluginError
from harness.interfaces import (
    IGNORE,
    CompletionBatch,
    ExtractsFeatures,
    GivesLoss,
    ImageBatch,
    ParameterGroup,
    TokenBatch,
    Training,
    VideoBatch,
)
from harness.runtime.numerics import widened
from harness.runtime.optimization import Optimization
from harness.runtime.ordering import in_order

GenerativeBatch: TypeAlias = ImageBatch | CompletionBatch | VideoBatch


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
        self._smoothing = training.label_smoothing
        self._micro_batch = training.micro_batch
        self._optimization = Optimization(module, training=training, steps=steps, groups=groups, precision=precision)

    def expect_steps(self, steps: int) -> None:
        self._optimization.expect_steps(steps)

    def train_step(self, batch: TokenBatch) -> Mapping[str, Tensor]:
        self.module.train()
        return {"loss": self._optimization.update(self._losses(batch))}

    def _losses(self, batch: TokenBatch) -> Iterator[Tensor]:
        """The loss of each part of the batch, which add up to that of the whole."""
        if not self._micro_batch:
            yield token_loss(self.logits(batch), batch, self._smoothing)
            return
        scored = (batch.targets != IGNORE).sum()
        for chosen in in_order(len(batch.inputs), self._micro_batch):
            part = TokenBatch(
                inputs=batch.inputs[chosen],
                targets=batch.targets[chosen],
                lengths=None if batch.lengths is None else batch.lengths[chosen],
            )
            # A sum, since the mean over a part without scored targets is not a number.
            yield token_loss(self.logits(part), part, self._smoothing, reduction="sum") / scored

    def logits(self, batch: TokenBatch) -> Float[Tensor, "batch length vocab"] | Float[Tensor, "batch vocab"]:
        logits = self._optimization.outputs(batch.inputs)
        return logits if batch.targets.ndim == 2 else mean_over_sequence(logits, batch.lengths)


class DefaultClassifierLearner:
    """Trains a module that maps images [batch, channels, height, width] to logits [batch, classes]."""

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
        self._smoothing = training.label_smoothing
        self._micro_batch = training.micro_batch
        self._optimization = Optimization(module, training=training, steps=steps, groups=groups, precision=precision)

    def expect_steps(self, steps: int) -> None:
        self._optimization.expect_steps(steps)

    def train_step(self, batch: ImageBatch) -> Mapping[str, Tensor]:
        self.module.train()
        return {"loss": self._optimization.update(self._losses(batch))}

    def _losses(self, batch: ImageBatch) -> Iterator[Tensor]:
        """The loss of each part of the batch, which add up to that of the whole."""
        for part in in_order(len(batch.inputs), self._micro_batch or len(batch.inputs)):
            inputs, targets = batch.inputs[part], batch.targets[part]
            logits = self._optimization.outputs(inputs)
            loss = F.cross_entropy(logits, targets, label_smoothing=self._smoothing)
            yield loss * (len(inputs) / len(batch.inputs))

    def logits(self, batch: ImageBatch) -> Float[Tensor, "batch classes"]:
        return self._optimization.outputs(batch.inputs)

    def features(self, batch: ImageBatch) -> Float[Tensor, "batch features"]:
        """What the last layer of the evaluated network reads. Raises PluginError where the model has no features."""
        network = self._optimization.evaluated
        if not isinstance(network, ExtractsFeatures):
            raise PluginError(f"{type(network).__name__} declares extracts_features but has no method `features`")
        with self._optimization.autocast(batch.inputs.device):
            features = network.eval().features(batch.inputs)
        return widened(features)


class DefaultGenerativeLearner:
    """Trains a module by the loss that it gives itself."""

    def __init__(
        self,
        module: nn.Module,
        *,
        training: Training,
        steps: int,
        groups: Iterable[ParameterGroup] = (),
        precision: str = "float32",
    ) -> None:
        if not isinstance(module, GivesLoss):
            raise PluginError(f"{type(module).__name__} has no method `loss`; it says what the model minimises")
        self.module: nn.Module = module
        self._loss = torch.compile(module.loss) if training.compile else module.loss
        self._micro_batch = training.micro_batch
        self._optimization = Optimization(module, training=training, steps=steps, groups=groups, precision=precision)

    def expect_steps(self, steps: int) -> None:
        self._optimization.expect_steps(steps)

    @property
    def evaluated(self) -> nn.Module:
        return self._optimization.evaluated

    def train_step(self, batch: GenerativeBatch) -> Mapping[str, Tensor]:
        self.module.train()
        return {"loss": self._optimization.update(self._losses(batch))}

    def _losses(self, batch: GenerativeBatch) -> Iterator[Tensor]:
        """The loss of each part of the batch, which add up to that of the whole."""
        total = len(batch.inputs)
        for chosen in in_order(total, self._micro_batch or total):
            part = _part(batch, chosen) if self._micro_batch else batch
            with self._optimization.autocast(batch.inputs.device):
                loss = self._loss(part)
            yield loss * (len(part.inputs) / total)


def _part(batch: GenerativeBatch, chosen: slice) -> GenerativeBatch:
    if isinstance(batch, CompletionBatch):
        return replace(batch, inputs=batch.inputs[chosen])
    return replace(batch, inputs=batch.inputs[chosen], targets=batch.targets[chosen])


def token_loss(
    logits: Tensor, batch: TokenBatch, label_smoothing: float = 0.0, reduction: Literal["mean", "sum"] = "mean"
) -> Tensor:
    """Cross-entropy in nats over the scored targets."""
    return F.cross_entropy(
        logits.flatten(0, -2),
        batch.targets.flatten(),
        ignore_index=IGNORE,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


def mean_over_sequence(
    logits: Float[Tensor, "batch length vocab"], lengths: Tensor | None
) -> Float[Tensor, "batch vocab"]:
    """Mean over each sequence's real tokens."""
    if lengths is None:
        return logits.mean(dim=1)
    real = torch.arange(logits.shape[1], device=logits.device) < lengths[:, None]  # [B, L]
    return (logits * real[..., None]).sum(dim=1) / lengths[:, None]
