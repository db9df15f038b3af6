"""A conditional latent variable model: y given x through z ~ p(z | x) and y ~ p(y | x, z) (section 4).

x  the observed pixels, HIDDEN where there is none   [batch, channels, height, width]
y  the hidden pixels
z  `samples` draws an image                          [samples, batch, d_latent]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import CompletionBatch
from harness_cvae.gaussian import DiagonalGaussian
from harness_cvae.pixels import completed, given, log_likelihood, with_nothing_observed

CODES_AT_ONCE = 4096
"""How many z are decoded at a time where many are weighed."""


class ConditionalModel(nn.Module):
    """The conditional prior, the generation network and, unless it is the prior, the recognition network.

    `objective(model, batch)` is what training raises, in nats for each image.
    """

    def __init__(
        self,
        prior: nn.Module,
        generation: nn.Module,
        recognition: nn.Module | None,
        objective: Callable[[ConditionalModel, CompletionBatch], Tensor],
    ) -> None:
        super().__init__()
        self.prior = prior
        self.generation = generation
        self.recognition = recognition
        self.objective = objective

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, " batch"]:
        """What training raises where nothing is observed. Draws from torch's global generator."""
        return self.objective(self, with_nothing_observed(images))

    def loss(self, batch: CompletionBatch) -> Float[Tensor, ""]:
        return -self.objective(self, batch).mean()

    def p(self, batch: CompletionBatch) -> DiagonalGaussian:
        """The conditional prior p(z | x)."""
        return self.prior(given(batch))  # type: ignore[no-any-return]

    def q(self, batch: CompletionBatch) -> DiagonalGaussian:
        """q(z | x, y), which reads the whole image; the conditional prior where there is no recognition network."""
        return self.p(batch) if self.recognition is None else self.recognition(batch.inputs)

    def log_likelihood(
        self, batch: CompletionBatch, z: Float[Tensor, "samples batch d_latent"]
    ) -> Float[Tensor, "samples batch"]:
        """log p(y | x, z) for each draw."""
        x = given(batch)
        pieces = z.split(max(1, CODES_AT_ONCE // len(x)))
        return torch.cat([log_likelihood(self.generation(x, piece), batch) for piece in pieces])

    def complete(
        self, batch: CompletionBatch, generator: torch.Generator
    ) -> Float[Tensor, "batch channels height width"]:
        """The expected hidden pixels at one draw of z from the prior."""
        z = self.p(batch).sample(1, generator)
        return completed(self.generation(given(batch), z)[0], batch)

    def conditional_log_weights(
        self,
        batch: CompletionBatch,
        samples: int,
        generator: torch.Generator,
        *,
        proposal: Literal["prior", "recognition"],
    ) -> Float[Tensor, "samples batch"]:
        """log p(y | x, z) + log p(z | x) - log r(z) for draws from r, the prior or q (section 4.1)."""
        p = self.p(batch)
        if proposal == "prior":
            return self.log_likelihood(batch, p.sample(samples, generator))
        q = self.q(batch)
        z = q.sample(samples, generator)
        return self.log_likelihood(batch, z) + (p.log_prob(z) - q.log_prob(z))
