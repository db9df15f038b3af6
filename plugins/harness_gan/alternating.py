"""The update rule of the convolutional pairs: D, then G against the new D, each by its own Adam on fresh noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from harness.interfaces import ImageBatch, Training
from harness.runtime.numerics import widened
from harness.runtime.optimization import moving_average
from harness_gan.execution import autocast, measured, refuse_unsupported
from harness_gan.losses import negative_value, non_saturating
from harness_gan.pair import AdversarialPair, Scores

Penalty = Callable[[Tensor, Tensor], Tensor]


class AlternatingLearner:
    """Non-saturating loss for G, for D the game's value and, where there is one, a penalty of real scores and images.

    Of `Training` it takes the learning rate, which stays what it is, and `ema_decay` for an average of G's weights.
    Raises UsageError for parts of a batch and compilation, which are not done.
    """

    def __init__(
        self,
        module: AdversarialPair,
        *,
        training: Training,
        betas: tuple[float, float],
        penalty: Penalty | None = None,
        precision: str = "float32",
    ) -> None:
        refuse_unsupported(training)
        self.module = module
        self._penalty = penalty
        self._precision = precision
        self._player_d = _Player(module.discriminator, training.learning_rate, betas)
        self._player_g = _Player(module.generator, training.learning_rate, betas)
        # With the running statistics of norms, which belong to the weights that they are averaged with.
        self._average = (
            AveragedModel(module.generator, avg_fn=moving_average(training.ema_decay), use_buffers=True)
            if training.ema_decay
            else None
        )
        self._evaluated = module
        if self._average is not None:
            self._evaluated = AdversarialPair(self._average.module, module.discriminator, module.prior)

    @property
    def evaluated(self) -> AdversarialPair:
        return self._evaluated

    def train_step(self, batch: ImageBatch) -> Mapping[str, Tensor]:
        """One update of D, then one of G. Scores are those that D was updated on."""
        self.module.train()
        loss_d, scores = self._update_discriminator(batch.inputs)
        loss_g = self._update_generator(len(batch.inputs), batch.inputs.device)
        if self._average is not None:
            self._average.update_parameters(self.module.generator)
        return measured(scores, loss_d, loss_g)

    def _update_discriminator(self, images: Tensor) -> tuple[Tensor, Scores]:
        if self._penalty is not None:
            images = images.detach().requires_grad_()
        with autocast(self._precision, images.device):
            with torch.no_grad():
                fakes = self.module.generate(len(images))
            scores = Scores(*map(widened, self.module.scores(images, fakes)))
        loss = negative_value(scores)
        if self._penalty is not None:
            loss = loss + self._penalty(scores.real, images)
        self._player_d.descend(loss)
        return loss, scores

    def _update_generator(self, count: int, device: torch.device) -> Tensor:
        with autocast(self._precision, device):
            fake = widened(self.module.discriminator(self.module.generate(count)))
        loss = non_saturating(fake)
        self._player_g.descend(loss)
        return loss


class _Player:
    """One of the two networks with its Adam; the other's parameters get no gradient."""

    def __init__(self, network: nn.Module, learning_rate: float, betas: tuple[float, float]) -> None:
        self._parameters = list(network.parameters())
        self._adam = torch.optim.Adam(self._parameters, lr=learning_rate, betas=betas, fused=True)

    def descend(self, loss: Tensor) -> None:
        self._adam.zero_grad(set_to_none=True)
        # Not torch.autograd.grad: the fused Adam takes gradients to lie in memory as their parameters do, and those of
        # a penalty's convolutions do not.
        loss.backward(inputs=self._parameters)
        self._adam.step()
