"""The update rule of Goodfellow et al. 2014: both players at once, from one forward pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from harness.errors import UsageError
from harness.interfaces import ImageBatch, ParameterGroup, Training
from harness.runtime.numerics import widened
from harness_gan.execution import autocast, measured, refuse_unsupported
from harness_gan.gan_2014 import Gan2014
from harness_gan.losses import negative_value, non_saturating, saturating
from harness_gan.momentum import MomentumDescent, learning_rate, momentum
from harness_gan.pair import Scores

GENERATOR_LOSSES = {"non_saturating": non_saturating, "saturating": saturating}


class Gan2014Learner:
    """Gradients of both losses through the same dropped-out D, then both updates.

    Of `Training` it takes the learning rate; schedules and momentum are the pair's own options. Raises UsageError for
    an average of the weights, parts of a batch and compilation, which are not done.
    """

    def __init__(
        self,
        module: Gan2014,
        *,
        training: Training,
        steps: int,
        groups: Iterable[ParameterGroup] = (),
        precision: str = "float32",
    ) -> None:
        refuse_unsupported(training)
        if training.ema_decay:
            raise UsageError(
                f"training.ema_decay={training.ema_decay:g}: gan_2014 has no average of its weights; use ema_decay=0"
            )
        self.module = module
        self._config = module.config
        self._initial_rate = training.learning_rate
        self._precision = precision
        self._generator_loss = GENERATOR_LOSSES[module.config.loss]
        self._descent_d = MomentumDescent(module.discriminator.parameters())
        self._descent_g = MomentumDescent(module.generator.parameters())
        self._update = 0

    @property
    def evaluated(self) -> Gan2014:
        return self.module

    def train_step(self, batch: ImageBatch) -> Mapping[str, Tensor]:
        """One update of each player. The first batch also gives the output's bias its pixels' marginals."""
        self.module.train()
        if self._update == 0 and self._config.initialisation == "paper":
            self.module.generator.start_at_marginals(batch.inputs)
        with autocast(self._precision, batch.inputs.device):
            scores = Scores(*map(widened, self.module(batch.inputs)))
        loss_d = negative_value(scores) / 2
        loss_g = self._generator_loss(scores.fake)
        gradients_d = torch.autograd.grad(loss_d, self._descent_d.parameters, retain_graph=True)
        gradients_g = torch.autograd.grad(loss_g, self._descent_g.parameters)
        self._descend(gradients_d, gradients_g)
        return measured(scores, loss_d, loss_g)

    def _descend(self, gradients_d: Iterable[Tensor], gradients_g: Iterable[Tensor]) -> None:
        config, update = self._config, self._update
        rate = learning_rate(update, self._initial_rate, config.learning_rate_divisor, config.min_learning_rate)
        factor = momentum(update, config.initial_momentum, config.final_momentum, config.momentum_updates)
        self._descent_d.step(gradients_d, rate=rate, momentum=factor)
        self._descent_g.step(gradients_g, rate=rate, momentum=factor)
        self._update += 1
