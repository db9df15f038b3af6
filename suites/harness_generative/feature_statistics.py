"""Mean and covariance of feature vectors, gathered batch by batch without keeping the vectors."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from harness.errors import UsageError
from harness_generative.value_checks import check_finite

BATCH = 500
"""Vectors that are looked at in float64 at a time, where they are given all at once."""


class FeatureStatistics:
    """Count, mean and covariance of the feature vectors seen so far, in float64.

    A batch is added with the moments about its own mean (Chan, Golub and LeVeque 1979), so that neither the
    order nor the size of the batches matters, nor how far from zero the features lie.
    """

    def __init__(self, *, mean: Float64[Tensor, " d"], scatter: Float64[Tensor, "d d"], count: int) -> None:
        self.count = count
        self.mean = mean
        self.scatter = scatter
        """The sum over vectors of the products of their deviations from the mean."""

    @classmethod
    def empty(cls, width: int, device: torch.device | None = None) -> FeatureStatistics:
        """Of no vector yet; vectors will have `width` numbers."""
        return cls(
            mean=torch.zeros(width, dtype=torch.float64, device=device),
            scatter=torch.zeros(width, width, dtype=torch.float64, device=device),
            count=0,
        )

    @classmethod
    def of(cls, features: Float[Tensor, "n d"]) -> FeatureStatistics:
        """Of these vectors, on their device."""
        statistics = cls.empty(features.shape[-1], features.device)
        for batch in features.split(BATCH):
            statistics.update(batch)
        return statistics

    @property
    def width(self) -> int:
        """The numbers in a vector."""
        return len(self.mean)

    @property
    def covariance(self) -> Float64[Tensor, "d d"]:
        """The unbiased covariance. Raises UsageError for fewer than two vectors."""
        if self.count < 2:
            raise UsageError(
                f"{self.count} feature vectors have no covariance; at least 2 are needed; give more images"
            )
        return self.scatter / (self.count - 1)

    def update(self, features: Float[Tensor, "n d"]) -> None:
        """Add a batch. Raises UsageError when the vectors have another width, Diverged when a number is not finite."""
        if features.ndim != 2 or features.shape[1] != self.width:
            raise UsageError(
                f"features {list(features.shape)} do not fit statistics of width {self.width}; batches are "
                f"[N, {self.width}]; use one extractor for all images"
            )
        if not len(features):
            return
        rows = self.mean.new_empty(len(features) + 1, self.width)
        deviations = rows[:-1].copy_(features.detach())
        mean = deviations.mean(dim=0)
        check_finite(mean, "features")
        deviations -= mean
        self._add(mean, rows, len(features))

    def merge(self, other: FeatureStatistics) -> None:
        """Add all that the other has seen. Raises UsageError when its vectors have another width."""
        if other.width != self.width:
            raise UsageError(
                f"statistics of width {other.width} and {self.width} cannot be merged; use one extractor for all images"
            )
        if other.count:
            self.scatter += other.scatter
            self._add(other.mean, self.mean.new_empty(1, self.width), other.count)

    def _add(self, mean: Float64[Tensor, " d"], rows: Float64[Tensor, "m d"], count: int) -> None:
        """Add vectors of this mean, whose deviations from it are all rows but the last."""
        total = self.count + count
        shift = mean - self.mean
        # What lies between the two means counts like one more deviation.
        rows[-1] = shift * math.sqrt(self.count * count / total)
        self.scatter.addmm_(rows.T, rows)
        self.mean = self.mean + shift * (count / total)
        self.count = total
