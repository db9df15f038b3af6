"""The kernel distance (KID): the unbiased squared maximum mean discrepancy with a cubic kernel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from harness.errors import UsageError
from harness_generative.pairs import row_blocks
from harness_generative.value_checks import check_finite


@dataclass(frozen=True, kw_only=True, slots=True)
class SubsetEstimate:
    """The mean over subsets and the deviation from subset to subset."""

    mean: float
    deviation: float


def kernel_distance(first: Float[Tensor, "m d"], second: Float[Tensor, "n d"]) -> float:
    """The unbiased estimate from all pairs, with k(x, y) = (x y / d + 1)^3; it may be below zero.

    Bińkowski et al. (2018): the mean of k over pairs of different vectors of the first set, plus that of
    the second, minus twice that over pairs of one from each. Raises UsageError for fewer than two vectors.
    """
    x, y = _checked(first, second)
    return _within(x) + _within(y) - 2 * _kernel_sum(x, y) / (len(x) * len(y))


def kernel_distance_of_subsets(
    first: Float[Tensor, "m d"],
    second: Float[Tensor, "n d"],
    generator: torch.Generator,
    *,
    subsets: int = 100,
    size: int = 1000,
) -> SubsetEstimate:
    """The estimate as it is usually printed: over random subsets of both sets, drawn without replacement.

    Its expectation is that of `kernel_distance`. Raises UsageError when a set has fewer vectors than a subset.
    """
    x, y = _checked(first, second)
    if size > min(len(x), len(y)):
        raise UsageError(
            f"subsets of {size}; the smaller set has {min(len(x), len(y))} images; ask for smaller subsets"
        )
    estimates = torch.tensor(
        [kernel_distance(_subset(x, size, generator), _subset(y, size, generator)) for _ in range(subsets)],
        dtype=torch.float64,
    )
    return SubsetEstimate(mean=float(estimates.mean()), deviation=float(estimates.std(correction=0)))


def _checked(
    first: Float[Tensor, "m d"], second: Float[Tensor, "n d"]
) -> tuple[Float64[Tensor, "m d"], Float64[Tensor, "n d"]]:
    if first.shape[1] != second.shape[1]:
        raise UsageError(
            f"features of width {first.shape[1]} and {second.shape[1]} cannot be compared; use one extractor for both"
        )
    if min(len(first), len(second)) < 2:
        raise UsageError(f"sets of {len(first)} and {len(second)} images; at least 2 each are needed; ask for more")
    check_finite(first, "features")
    check_finite(second, "features")
    return first.double(), second.double()


def _subset(rows: Float64[Tensor, "m d"], size: int, generator: torch.Generator) -> Float64[Tensor, "size d"]:
    return rows[torch.randperm(len(rows), generator=generator)[:size].to(rows.device)]


def _within(rows: Float64[Tensor, "m d"]) -> float:
    """The mean over pairs of different rows."""
    with_itself = float((rows.square().sum(dim=1) / rows.shape[1] + 1).pow(3).sum())
    return (_kernel_sum(rows, rows) - with_itself) / (len(rows) * (len(rows) - 1))


def _kernel_sum(rows: Float64[Tensor, "m d"], columns: Float64[Tensor, "n d"]) -> float:
    total = rows.new_zeros(())
    for chosen in row_blocks(len(rows), len(columns)):
        base = (rows[chosen] @ columns.T).div_(rows.shape[1]).add_(1)
        total += (base.square() * base).sum()
    return float(total)
