"""All distances between real and generated images at once, and the two yardsticks to read them by."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from harness_generative.class_scores import class_coverage, class_entropy_nats, inception_score
from harness_generative.extractors import Extracted, Extractor
from harness_generative.feature_statistics import FeatureStatistics
from harness_generative.frechet_distance import frechet_distance
from harness_generative.kernel_distance import kernel_distance
from harness_generative.neighbourhoods import Neighbourhoods, neighbourhoods


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How generated images compare with real ones, and what the classifier says of the generated ones alone."""

    frechet: float
    kernel: float
    neighbourhoods: Neighbourhoods
    inception_score: float
    class_coverage: float
    class_entropy_nats: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Yardsticks:
    """What no generator is expected to beat, other real images, and what every one should beat, uniform noise."""

    floor: Comparison
    ceiling: Comparison


def compare(real: Extracted, generated: Extracted) -> Comparison:
    """Every measure. Raises UsageError when either has fewer images than one of them needs."""
    return Comparison(
        frechet=frechet_distance(FeatureStatistics.of(real.features), FeatureStatistics.of(generated.features)),
        kernel=kernel_distance(real.features, generated.features),
        neighbourhoods=neighbourhoods(real.features, generated.features),
        inception_score=inception_score(generated.probabilities),
        class_coverage=class_coverage(generated.probabilities),
        class_entropy_nats=class_entropy_nats(generated.probabilities),
    )


def yardsticks(images: Float[Tensor, "n c h w"], extractor: Extractor, generator: torch.Generator) -> Yardsticks:
    """One random half of real images against the other, and against as many images of uniform noise.

    The Fréchet distance falls with the number of images, so that yardsticks hold for sets of half as many as these.
    An odd image is left out.
    """
    order = torch.randperm(len(images), generator=generator).to(images.device)
    half = len(images) // 2
    first, second = (extractor.extract(images[chosen]) for chosen in (order[:half], order[half : 2 * half]))
    noise = torch.rand(half, *images.shape[1:], generator=generator)
    return Yardsticks(floor=compare(first, second), ceiling=compare(first, extractor.extract(noise)))
