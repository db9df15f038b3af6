"""What training raises, in nats for each image: the evidence bound, its importance-weighted form, and wake-sleep's."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from harness_vae.model import LatentVariableModel


@dataclass(frozen=True, slots=True)
class SampledBound:
    """Estimator A: the mean of log p(x, z) - log q(z | x) over draws from q(z | x) (Kingma & Welling, equation 6)."""

    num_samples: int

    def __call__(
        self, model: LatentVariableModel, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, " batch"]:
        return model.log_weights(images, self.num_samples, None).mean(dim=0)


@dataclass(frozen=True, slots=True)
class AnalyticBound:
    """Estimator B: -KL(q(z | x) || p(z)) and the mean of log p(x | z) (Kingma & Welling, equations 7 and 10)."""

    num_samples: int

    def __call__(
        self, model: LatentVariableModel, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, " batch"]:
        q = model.encoder(images)
        log_likelihood = model.decode(q.sample(self.num_samples, None)).log_prob(images)
        return log_likelihood.mean(dim=0) - q.divergence_from_prior()  # type: ignore[no-any-return]


@dataclass(frozen=True, slots=True)
class ImportanceWeightedBound:
    """The logarithm of the mean weight of k draws, a bound that tightens with k (Burda et al., section 3)."""

    num_samples: int

    def __call__(
        self, model: LatentVariableModel, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, " batch"]:
        log_weights = model.log_weights(images, self.num_samples, None)
        return torch.logsumexp(log_weights, dim=0) - math.log(self.num_samples)


@dataclass(frozen=True, slots=True)
class WakeSleep:
    """Two objectives at once, neither of which bounds the likelihood in both networks (Hinton et al. 1995).

    Awake, log p(x, z) is raised in the decoder at z drawn from q(z | x). Asleep, log q(z | x) is raised in the encoder
    at x and z drawn from the model.
    """

    def __call__(
        self, model: LatentVariableModel, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, " batch"]:
        return self.wake(model, images) + self.sleep(model, len(images))

    def wake(
        self, model: LatentVariableModel, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, " batch"]:
        """log p(x, z), whose gradient reaches the decoder alone."""
        with torch.no_grad():
            z = model.encoder(images).sample(1, None)
        return model.log_joint(images, z)[0]

    def sleep(self, model: LatentVariableModel, count: int) -> Float[Tensor, " count"]:
        """log q(z | x) of `count` dreams, whose gradient reaches the encoder alone."""
        with torch.no_grad():
            z = model.draw_prior(count, None)[None]
            dreams = model.decode(z).sample()[0]
        return model.encoder(dreams).log_prob(z)[0]  # type: ignore[no-any-return]
