"""Mean and covariance of feature vectors, gathered batch by batch without keeping the vectors."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from harness.errors import UsageError
from harness_generative.value_checks import check_finite


class FeatureStatistics:
    """Count, mean and covariance of the feature vectors seen so far, in float64.

    A batch is added with the moments about its own mean (Chan, Golub and LeVeque 1979), so that neither the
    order nor the size of the batches matters, nor how far from zero the features lie.
    """

    def __init__(self, *, mean: Float64[Tensor, " d"], scatter: Float64[Tensor, "d d"], count: int) -> None:
        self.count = count
        self.mean = mean
        self._scatter = scatter

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
        statistics.update(features)
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
        return self._scatter / (self.count - 1)

    def update(self, features: Float[Tensor, "n d"]) -> None:
        """Add a batch. Raises UsageError when the vectors have another width, Diverged when a number is not finite."""
        if features.ndim != 2 or features.shape[1] != self.width:
            raise UsageError(
                f"features {list(features.shape)} do not fit statistics of width {self.width}; batches are "
                f"[N, {self.width}]; use one extractor for all images"
            )
        if not len(features):
            return
        rows = features.detach().to(self.mean)
        mean = rows.mean(dim=0)
        check_finite(mean, "features")
        self._add(mean, rows - mean, len(rows))

    def merge(self, other: FeatureStatistics) -> None:
        """Add all that the other has seen. Raises UsageError when its vectors have another width."""
        if other.width != self.width:
            raise UsageError(
                f"statistics of width {other.width} and {self.width} cannot be merged; use one extractor for all images"
            )
        if other.count:
            self._scatter += other._scatter
            self._add(other.mean, self.mean.new_empty(0, self.width), other.count)

    def _add(self, mean: Float64[Tensor, " d"], deviations: Float64[Tensor, "m d"], count: int) -> None:
        total = self.count + count
        shift = mean - self.mean
        # What lies between the two means counts like one more deviation.
        between = shift * math.sqrt(self.count * count / total)
        rows = torch.cat([deviations, between[None]])
        self._scatter.addmm_(rows.T, rows)
        self.mean = self.mean + shift * (count / total)
        self.count = total
