"""The Fréchet distance between two sets of feature vectors, each taken for a Gaussian."""

from __future__ import annotations

import torch
from jaxtyping import Float64
from torch import Tensor

from harness.errors import UsageError
from harness_generative.feature_statistics import FeatureStatistics


def frechet_distance(first: FeatureStatistics, second: FeatureStatistics) -> float:
    """The distance of Heusel et al. (2017, equation 6) between what two sets of statistics have seen.

    Raises UsageError when either saw too few vectors for a covariance of full rank, or the widths differ.
    """
    if first.width != second.width:
        raise UsageError(
            f"features of width {first.width} and {second.width} cannot be compared; use one extractor for both"
        )
    for statistics in (first, second):
        if statistics.count <= statistics.width:
            raise UsageError(
                f"{statistics.count} images for {statistics.width} features: the covariance is singular and the "
                f"distance far too large; more than {statistics.width} images are needed; ask for more"
            )
    return gaussian_distance(first.mean, first.covariance, second.mean, second.covariance)


def gaussian_distance(
    first_mean: Float64[Tensor, " d"],
    first_covariance: Float64[Tensor, "d d"],
    second_mean: Float64[Tensor, " d"],
    second_covariance: Float64[Tensor, "d d"],
) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2), from Dowson and Landau (1982).

    With C1 = R R^T, the matrix R^T C2 R has the eigenvalues of C1 C2 and is symmetric, so that they are real.
    """
    values, vectors = torch.linalg.eigh(first_covariance)
    # Below this, eigenvalues are rounding errors of zero: features that never vary.
    varies = values > values[-1] * len(values) * torch.finfo(values.dtype).eps
    root = vectors[:, varies] * values[varies].sqrt()  # [d, r]
    products = torch.linalg.eigvalsh(root.T @ second_covariance @ root)
    cross = products.clamp(min=0).sqrt().sum()
    distance = (
        (first_mean - second_mean).square().sum() + first_covariance.trace() + second_covariance.trace() - 2 * cross
    )
    return max(0.0, float(distance))
