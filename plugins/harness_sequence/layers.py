"""Position-wise layers and absolute positions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from harness.errors import UsageError
from harness_sequence.stack import EMBEDDING_STD


class RMSNorm(nn.Module):
    """Divides by the root mean square over the last axis and scales each feature (Zhang and Sennrich 2019)."""

    def __init__(self, d_model: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        return F.rms_norm(x, self.weight.shape, self.weight, self.eps)


class FeedForward(nn.Module):
    """Two linear maps with a GELU between them; dropout after the second, as on every sub-layer's output."""

    def __init__(self, d_model: int, d_hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, d_hidden)
        self.down = nn.Linear(d_hidden, d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        return self.dropout(self.down(F.gelu(self.up(x))))  # type: ignore[no-any-return]


class SwiGLU(nn.Module):
    """A feed-forward layer gated by SiLU, without biases (Shazeer 2020)."""

    def __init__(self, d_model: int, d_hidden: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.up = nn.Linear(d_model, 2 * d_hidden, bias=False)
        self.down = nn.Linear(d_hidden, d_model, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        gate, value = self.up(x).chunk(2, dim=-1)  # [..., d_hidden] each
        return self.dropout(self.down(F.silu(gate) * value))  # type: ignore[no-any-return]


class LearnedPositions(nn.Module):
    """One learned vector for each of the first `length` positions; later ones are an error."""

    def __init__(self, length: int, d_model: int, std: float = EMBEDDING_STD) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(length, d_model))
        nn.init.normal_(self.weight, std=std)

    def forward(self, positions: Int[Tensor, " length"]) -> Float[Tensor, "length d_model"]:
        last, length = int(positions.max()), self.weight.shape[0]
        if last >= length:
            raise UsageError(
                f"position {last} has no learned vector; this model was built for {length} positions; "
                "use positions=rope to read longer sequences"
            )
        return F.embedding(positions, self.weight)


class SinusoidalPositions(nn.Module):
    """Sines and cosines of geometrically spaced frequencies (Vaswani et al. 2017, section 3.5), for any position.

    In float64, to be cast by whoever adds them.
    """

    def __init__(self, d_model: int, base: float = 10_000.0) -> None:
        super().__init__()
        self.d_model = d_model
        self.base = base

    def forward(self, positions: Int[Tensor, " length"]) -> Float[Tensor, "length d_model"]:
        even = torch.arange(0, self.d_model, 2, device=positions.device, dtype=torch.float64)
        angles = positions.double()[:, None] * self.base ** (-even / self.d_model)  # [L, ceil(D/2)]
        return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1)[:, : self.d_model]  # [L, D]
