"""What the players minimise, in terms of scores s with D(x) = sigmoid(s), and the R1 penalty.

-log D = softplus(-s) and -log(1 - D) = softplus(s), so that no logarithm of zero is ever taken.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from harness_gan.pair import Scores

PIXEL_RANGE = 2.0


def negative_value(scores: Scores) -> Float[Tensor, ""]:
    """-E log D(x) - E log(1 - D(G(z))), which D minimises (Goodfellow et al. 2014, equation 1)."""
    return F.softplus(-scores.real).mean() + F.softplus(scores.fake).mean()


def non_saturating(fake: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    """-E log D(G(z)), whose gradient stays large while D wins (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).mean()


def saturating(fake: Float[Tensor, " batch"]) -> Float[Tensor, ""]:
    """E log(1 - D(G(z))), G's side of the game's value (Goodfellow et al. 2014, equation 1)."""
    return -F.softplus(fake).mean()


def r1_penalty(
    scores: Float[Tensor, " batch"], images: Float[Tensor, "batch channels height width"], gamma: float
) -> Float[Tensor, ""]:
    """gamma / 2 E |grad_x s(x)|^2 at the data (Mescheder et al. 2018, section 4.1).

    Images are from 0 to 1 and the gradient is by pixels from -1 to 1, as the paper's are. It can be differentiated.
    """
    (gradient,) = torch.autograd.grad(scores.sum(), images, create_graph=True)
    return gamma / 2 * (gradient / PIXEL_RANGE).square().flatten(1).sum(dim=1).mean()
