"""What training raises, in nats for each image (sections 4 and 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from harness.interfaces import CompletionBatch
from harness_cvae.model import ConditionalModel


@dataclass(frozen=True, slots=True)
class CVAE:
    """-KL(q(z | x, y) || p(z | x)) and the mean of log p(y | x, z) over draws from q: a bound on log p(y | x)."""

    num_samples: int

    def __call__(self, model: ConditionalModel, batch: CompletionBatch) -> Float[Tensor, " batch"]:
        q = model.q(batch)
        log_likelihood = model.log_likelihood(batch, q.sample(self.num_samples, None))
        return log_likelihood.mean(dim=0) - q.divergence_from(model.p(batch))


@dataclass(frozen=True, slots=True)
class GSNN:
    """The mean of log p(y | x, z) over draws from p(z | x): the CVAE's with q = p(z | x), whose KL is none."""

    num_samples: int

    def __call__(self, model: ConditionalModel, batch: CompletionBatch) -> Float[Tensor, " batch"]:
        return model.log_likelihood(batch, model.p(batch).sample(self.num_samples, None)).mean(dim=0)


@dataclass(frozen=True, slots=True)
class Hybrid:
    """alpha of the CVAE's objective and 1 - alpha of the GSNN's, each with draws of its own."""

    alpha: float
    num_samples: int

    def __call__(self, model: ConditionalModel, batch: CompletionBatch) -> Float[Tensor, " batch"]:
        cvae, gsnn = CVAE(self.num_samples)(model, batch), GSNN(self.num_samples)(model, batch)
        return self.alpha * cvae + (1 - self.alpha) * gsnn
