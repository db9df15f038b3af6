"""What a classifier's probabilities say of generated images: inception score, class coverage and entropy."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from harness.errors import UsageError
from harness_generative.value_checks import check_finite


def inception_score(probabilities: Float[Tensor, "n classes"]) -> float:
    """exp of the mean divergence KL(p(y | x) || p(y)), from 1 to the number of classes (Salimans et al. 2016).

    Over all images at once, where the paper takes the mean over ten parts. The mean divergence is the entropy of the
    mean minus the mean of the entropies.
    """
    p = _checked(probabilities)
    return math.exp(float(_entropy(p.mean(dim=0)) - _entropy(p).mean()))


def class_coverage(probabilities: Float[Tensor, "n classes"]) -> float:
    """The share of classes that are the most probable one of at least one image."""
    return float((_class_counts(probabilities) > 0).double().mean())


def class_entropy_nats(probabilities: Float[Tensor, "n classes"]) -> float:
    """The entropy of how often each class is the most probable one; log(classes) when all are equally frequent."""
    counts = _class_counts(probabilities)
    return float(_entropy(counts.double() / counts.sum()))


def _class_counts(probabilities: Float[Tensor, "n classes"]) -> Tensor:
    return _checked(probabilities).argmax(dim=1).bincount(minlength=probabilities.shape[1])


def _entropy(p: Float64[Tensor, "... classes"]) -> Float64[Tensor, ...]:
    nats: Tensor = torch.special.entr(p).sum(dim=-1)
    return nats


def _checked(probabilities: Float[Tensor, "n classes"]) -> Float64[Tensor, "n classes"]:
    check_finite(probabilities, "class probabilities")
    p = probabilities.double()
    if not len(p) or bool((p < 0).any()) or not torch.allclose(p.sum(dim=-1), p.new_ones(()), rtol=0, atol=1e-5):
        raise UsageError(
            f"class probabilities {list(p.shape)} must be at least one row of numbers from 0 that add up to 1; "
            "give the softmax of the logits"
        )
    return p / p.sum(dim=-1, keepdim=True)
