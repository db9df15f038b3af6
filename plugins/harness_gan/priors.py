"""The distributions of z. They draw on the CPU, so that every device sees the same noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Prior(Protocol):
    """Draws z, from torch's global generator where none is given, and has its quantiles."""

    @property
    def latent_size(self) -> int: ...

    def quantiles(self, points: Float[Tensor, "count latent_size"]) -> Float[Tensor, "count latent_size"]:
        """Points of the open unit cube through the inverse distribution function of each number of z."""
        ...

    def draw(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "count latent_size"]: ...


@dataclass(frozen=True, slots=True)
class UniformPrior:
    """Independent numbers between -limit and limit."""

    latent_size: int
    limit: float

    def quantiles(self, points: Float[Tensor, "count latent_size"]) -> Float[Tensor, "count latent_size"]:
        return (2 * points - 1) * self.limit

    def draw(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "count latent_size"]:
        points = torch.rand(count, self.latent_size, generator=generator, dtype=torch.float32, device="cpu")
        return self.quantiles(points)


@dataclass(frozen=True, slots=True)
class NormalPrior:
    """Independent standard normal numbers."""

    latent_size: int

    def quantiles(self, points: Float[Tensor, "count latent_size"]) -> Float[Tensor, "count latent_size"]:
        return torch.special.ndtri(points)  # type: ignore[no-any-return]

    def draw(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "count latent_size"]:
        return torch.randn(count, self.latent_size, generator=generator, dtype=torch.float32, device="cpu")
