"""A deterministic network from the observed pixels to the hidden ones."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import CompletionBatch
from harness_cvae.networks import PixelNetwork
from harness_cvae.pixels import completed, given, log_likelihood, with_nothing_observed


class CompletionNet(nn.Module):
    """p(y | x) with the layers of the generation network and no latents."""

    def __init__(self, network: PixelNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, " batch"]:
        """What training raises where nothing is observed."""
        return self.log_likelihood(with_nothing_observed(images))

    def loss(self, batch: CompletionBatch) -> Float[Tensor, ""]:
        return -self.log_likelihood(batch).mean()

    def log_likelihood(self, batch: CompletionBatch) -> Float[Tensor, " batch"]:
        """log p(y | x) in nats."""
        return log_likelihood(self._logits(batch), batch)[0]

    def complete(
        self, batch: CompletionBatch, generator: torch.Generator
    ) -> Float[Tensor, "batch channels height width"]:
        """The expected hidden pixels; nothing is drawn."""
        return completed(self._logits(batch)[0], batch)

    def conditional_log_weights(
        self,
        batch: CompletionBatch,
        samples: int,
        generator: torch.Generator,
        *,
        proposal: Literal["prior", "recognition"],
    ) -> Float[Tensor, "samples batch"]:
        """log p(y | x), `samples` times: nothing is drawn."""
        return self.log_likelihood(batch).expand(samples, -1)

    def _logits(self, batch: CompletionBatch) -> Float[Tensor, "1 batch channels height width"]:
        x = given(batch)
        return self.network(x, x.new_empty(1, len(x), 0))  # type: ignore[no-any-return]
