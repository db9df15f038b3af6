"""The log-likelihood of a Parzen window: the estimate of Goodfellow et al. (2014, section 5), for comparison with it.

It is no measure of quality: centroids of k-means score above real images. It stands beside a distance of features.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from harness.errors import PluginError, UsageError
from harness_generative.pairs import row_blocks, squared_distances
from harness_generative.value_checks import check_pixels

NUM_SAMPLES = 10_000
"""Images that the paper draws from a generator; with a tenth of them the estimate loses tens of nats."""

NUM_VALIDATION = 1000
"""Validation images that choose sigma."""

SIGMAS = tuple(10.0 ** (power / 9 - 1) for power in range(10))
"""The ten of which one is chosen, evenly spaced in their logarithm from 0.1 to 1."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ParzenEstimate:
    """The mean log-likelihood of the test images in nats, its standard error, and the sigma that was chosen."""

    mean: float
    standard_error: float
    sigma: float


def parzen_estimate(
    samples: Float[Tensor, "m c h w"], validation: Float[Tensor, "v c h w"], test: Float[Tensor, "n c h w"]
) -> ParzenEstimate:
    """The paper's protocol: sigma from the first validation images, then the mean over all test images.

    The caller draws NUM_SAMPLES samples. Raises PluginError when sizes differ or pixels are not from 0 to 1, for
    another scale shifts the result (by 543 nats from [0, 1] to [-1, 1] at 784 pixels), UsageError for fewer than two
    test images.
    """
    for images, subject in ((samples, "samples"), (validation, "validation images"), (test, "test images")):
        check_pixels(images, subject)
        if images.shape[1:] != test.shape[1:]:
            raise PluginError(
                f"{subject} are {list(images.shape[1:])}, test images {list(test.shape[1:])}; one size is expected; "
                "give images of the dataset that the model was built for"
            )
    if len(test) < 2:
        raise UsageError(f"{len(test)} test image has no standard error; at least 2 are needed; give more")
    centres = samples.flatten(1)
    sigma = choose_sigma(centres, validation[:NUM_VALIDATION].flatten(1))
    values = parzen_log_likelihoods(centres, test.flatten(1), sigma)
    return ParzenEstimate(
        mean=float(values.mean()), standard_error=float(values.std()) / math.sqrt(len(values)), sigma=sigma
    )


def parzen_log_likelihoods(
    centres: Float[Tensor, "m d"], points: Float[Tensor, "n d"], sigma: float
) -> Float64[Tensor, " n"]:
    """log 1/M sum_i N(x; c_i, sigma^2 I) of every point, in nats."""
    return _log_likelihoods(centres, points, (sigma,))[0]


def choose_sigma(
    centres: Float[Tensor, "m d"], points: Float[Tensor, "n d"], sigmas: Sequence[float] = SIGMAS
) -> float:
    """The sigma with the greatest mean log-likelihood of the points; the smaller of two equals."""
    return sigmas[int(_log_likelihoods(centres, points, sigmas).mean(dim=1).argmax())]


def _log_likelihoods(
    centres: Float[Tensor, "m d"], points: Float[Tensor, "n d"], sigmas: Sequence[float]
) -> Float64[Tensor, "sigmas n"]:
    c, x = centres.double(), points.double()
    parts = []
    for chosen in row_blocks(len(x), len(c)):
        distances = squared_distances(x[chosen], c)
        parts.append(torch.stack([torch.logsumexp(distances / (-2 * sigma**2), dim=1) for sigma in sigmas]))
    scales = x.new_tensor([sigma * math.sqrt(2 * math.pi) for sigma in sigmas])
    return torch.cat(parts, dim=1) - math.log(len(c)) - c.shape[1] * scales.log()[:, None]
