"""Metrics over the evidence of generative tasks."""

from __future__ import annotations

import numpy as np
import torch

from harness.interfaces import Array, Evidence, Measurement


def elbo_nats(evidence: Evidence) -> Measurement:
    """The mean evidence lower bound of an image."""
    return _over_images(evidence, evidence.arrays["elbo"])


def bound_nats(evidence: Evidence) -> Measurement:
    """The mean importance-weighted bound of an image; sliced by the number of samples."""
    return _over_images(evidence, evidence.arrays["bound"])


def elbo_bits_per_dimension(evidence: Evidence) -> Measurement:
    """The negative evidence lower bound over the number of pixels, in bits."""
    return _over_images(evidence, _bits_per_dimension(evidence, "elbo"))


def bound_bits_per_dimension(evidence: Evidence) -> Measurement:
    """The negative importance-weighted bound over the number of pixels, in bits; sliced by the number of samples."""
    return _over_images(evidence, _bits_per_dimension(evidence, "bound"))


def reconstruction_mse(evidence: Evidence) -> Measurement:
    """The mean squared error of a pixel, of values from 0 to 1."""
    return _mean(evidence.arrays["squared"])


def prediction_mse(evidence: Evidence) -> Measurement:
    """The mean squared error of a predicted pixel, of values from 0 to 1."""
    return _mean(evidence.arrays["squared"])


def negative_cll_prior(evidence: Evidence) -> Measurement:
    """The mean negative conditional log-likelihood of an image's hidden pixels, estimated by the prior's draws."""
    return _mean(-evidence.arrays["by_prior"])


def negative_cll_importance(evidence: Evidence) -> Measurement:
    """The same by importance sampling from the recognition network."""
    return _mean(-evidence.arrays["by_recognition"])


def frechet(evidence: Evidence) -> Measurement:
    """The Fréchet distance of the Gaussians that fit the features of real and generated images."""
    from harness_generative.feature_statistics import FeatureStatistics
    from harness_generative.frechet_distance import frechet_distance

    real, generated = _features(evidence)
    return Measurement(
        value=frechet_distance(FeatureStatistics.of(real), FeatureStatistics.of(generated)), n=len(generated)
    )


def kernel(evidence: Evidence) -> Measurement:
    """The squared kernel distance (KID) of real and generated features, unbiased."""
    from harness_generative.kernel_distance import kernel_distance

    real, generated = _features(evidence)
    return Measurement(value=kernel_distance(real, generated), n=len(generated))


def precision(evidence: Evidence) -> Measurement:
    """The share of samples inside the real images' neighbourhoods."""
    return _mean(evidence.arrays["precision"])


def recall(evidence: Evidence) -> Measurement:
    """The share of real images inside the samples' neighbourhoods."""
    return _mean(evidence.arrays["recall"])


def density(evidence: Evidence) -> Measurement:
    """How many real neighbourhoods a sample lies in, over their number."""
    return _mean(evidence.arrays["density"])


def coverage(evidence: Evidence) -> Measurement:
    """The share of real images with a sample in their neighbourhood."""
    return _mean(evidence.arrays["coverage"])


def inception_score(evidence: Evidence) -> Measurement:
    """exp of the mean divergence of a sample's classes from those of all."""
    from harness_generative import class_scores

    probabilities = torch.from_numpy(evidence.arrays["probabilities"])
    return Measurement(value=class_scores.inception_score(probabilities), n=len(probabilities))


def class_entropy(evidence: Evidence) -> Measurement:
    """The entropy of how often each class is the most probable one."""
    from harness_generative import class_scores

    probabilities = torch.from_numpy(evidence.arrays["probabilities"])
    return Measurement(value=class_scores.class_entropy_nats(probabilities), n=len(probabilities))


def parzen_nats(evidence: Evidence) -> Measurement:
    """The mean log-likelihood of test images under a Parzen window around the samples."""
    from harness_generative.parzen_window import parzen_estimate

    samples, validation, test = (
        torch.from_numpy(evidence.arrays[name]) for name in ("samples", "validation_images", "test_images")
    )
    return Measurement(value=parzen_estimate(samples, validation, test).mean, n=len(test))


def _features(evidence: Evidence) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(evidence.arrays["real_features"]), torch.from_numpy(evidence.arrays["features"])


def _bits_per_dimension(evidence: Evidence, name: str) -> Array:
    bits: Array = -evidence.arrays[name] / (evidence.arrays["dimensions"] * np.log(2))
    return bits


def _over_images(evidence: Evidence, values: Array) -> Measurement:
    """The mean, over as many images as there are for each number of samples."""
    kinds = len(np.unique(evidence.groups["k"])) if "k" in evidence.groups else 1
    return Measurement(value=float(np.mean(values)), n=len(values) // kinds)


def _mean(values: Array) -> Measurement:
    return Measurement(value=float(np.mean(values)), n=len(values))
