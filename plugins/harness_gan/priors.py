"""The distributions of z. They draw on the CPU, so that every device sees the same noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Prior(Protocol):
    """Draws z; from torch's global generator where none is given."""

    def draw(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "count latent_size"]: ...


@dataclass(frozen=True, slots=True)
class UniformPrior:
    """Independent numbers between -limit and limit."""

    latent_size: int
    limit: float

    def draw(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "count latent_size"]:
        unit = torch.rand(count, self.latent_size, generator=generator, dtype=torch.float32, device="cpu")
        return (2 * unit - 1) * self.limit


@dataclass(frozen=True, slots=True)
class NormalPrior:
    """Independent standard normal numbers."""

    latent_size: int

    def draw(self, count: int, generator: torch.Generator | None = None) -> Float[Tensor, "count latent_size"]:
        return torch.randn(count, self.latent_size, generator=generator, dtype=torch.float32, device="cpu")
