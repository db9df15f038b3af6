"""Precision, recall, density and coverage: which vectors lie near those of the other set."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from harness.errors import UsageError
from harness_generative.pairs import row_blocks, squared_distances
from harness_generative.value_checks import check_finite

NEIGHBOURS = 5
"""As Naeem et al. (2020) choose; Kynkäänniemi et al. (2019) take 3."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbourhoods:
    """How two sets overlap, vector by vector; the measures are the means.

    `precision` says of generated vectors whether they lie inside balls of real ones, `recall` of real ones whether they
    lie inside balls of generated ones (Kynkäänniemi et al. 2019). `density` counts the real balls that a
    generated vector lies in, over k, and is 1 in the mean where both sets come from one distribution. `coverage` says
    of real vectors whether their balls hold a generated one (Naeem et al. 2020). None stands alone: a classifier maps
    uniform noise between real images, so that noise may have a high precision, and then no coverage.
    """

    precision: Float64[Tensor, " n"]
    recall: Float64[Tensor, " m"]
    density: Float64[Tensor, " n"]
    coverage: Float64[Tensor, " m"]


def neighbourhoods(
    real: Float[Tensor, "m d"], generated: Float[Tensor, "n d"], *, neighbours: int = NEIGHBOURS
) -> Neighbourhoods:
    """The overlap where a vector's ball reaches to its k-th nearest neighbour in its own set, border included.

    Raises UsageError when a set has no more than `neighbours` vectors.
    """
    if min(len(real), len(generated)) <= neighbours:
        raise UsageError(
            f"sets of {len(real)} and {len(generated)} images; more than {neighbours} each are needed for the "
            f"{neighbours} nearest neighbours; ask for more"
        )
    check_finite(real, "features")
    check_finite(generated, "features")
    x, y = real.double(), generated.double()
    radii, other_radii = (_squared_radii(vectors, neighbours) for vectors in (x, y))

    balls_around = torch.zeros(len(y), dtype=torch.int64, device=y.device)  # for each generated vector
    covered, recalled = [], []  # for each real one
    for chosen in row_blocks(len(x), len(y)):
        distances = squared_distances(x[chosen], y)
        inside = distances <= radii[chosen, None]
        balls_around += inside.sum(dim=0)
        covered.append(inside.any(dim=1))
        recalled.append((distances <= other_radii).any(dim=1))
    return Neighbourhoods(
        precision=(balls_around > 0).double(),
        recall=torch.cat(recalled).double(),
        density=balls_around.double() / neighbours,
        coverage=torch.cat(covered).double(),
    )


def _squared_radii(vectors: Float64[Tensor, "m d"], neighbours: int) -> Float64[Tensor, " m"]:
    """The squared distance to the k-th nearest other vector of the set."""
    parts = []
    for chosen in row_blocks(len(vectors), len(vectors)):
        distances = squared_distances(vectors[chosen], vectors)
        distances.diagonal(chosen.start).fill_(torch.inf)
        parts.append(distances.kthvalue(neighbours, dim=1).values)
    return torch.cat(parts)
