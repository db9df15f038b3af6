"""Metrics of samples by the large networks; only Inception's bear the names that are known from papers."""

from __future__ import annotations

from harness.interfaces import Evidence, Measurement
from harness_generative import metrics


def frechet_efficientnet_lite0(evidence: Evidence) -> Measurement:
    """The Fréchet distance of EfficientNet-Lite0's features."""
    return metrics.frechet(_seen_by(evidence, "efficientnet_lite0"))


def kernel_efficientnet_lite0(evidence: Evidence) -> Measurement:
    """The squared kernel distance of EfficientNet-Lite0's features, unbiased, over all pairs."""
    return metrics.kernel(_seen_by(evidence, "efficientnet_lite0"))


def fid(evidence: Evidence) -> Measurement:
    """The Fréchet inception distance (Heusel et al. 2017)."""
    return metrics.frechet(_seen_by(evidence, "inception"))


def kid(evidence: Evidence) -> Measurement:
    """The kernel inception distance (Bińkowski et al. 2018), unbiased, over all pairs where the paper takes subsets."""
    return metrics.kernel(_seen_by(evidence, "inception"))


def inception_score(evidence: Evidence) -> Measurement:
    """The inception score (Salimans et al. 2016), over all samples where the paper averages ten parts."""
    return metrics.inception_score(_seen_by(evidence, "inception"))


def _seen_by(evidence: Evidence, name: str) -> Evidence:
    """The evidence with this extractor's arrays under the names that every metric of features reads."""
    kinds = ("features", "probabilities", "real_features")
    return Evidence(arrays={kind: evidence.arrays[f"{kind}_{name}"] for kind in kinds})
