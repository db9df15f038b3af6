"""Pictures of what lies between a model's samples: the manifold of two latent variables, and lines between draws.

Both are laid out in quantiles, points of the unit cube that a model sends through the inverse distribution function of
its prior. Equal steps are then of equal probability for each variable, whatever the prior, and none leaves its support.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import DecodesLatents
from harness_generative.pictures import png

LINES_SEED = 4
SIDE = 20
ROWS, COLUMNS = 8, 10


def latent_pictures(network: nn.Module) -> dict[str, bytes]:
    """`interpolations.png` where the network decodes latents, and `manifold.png` where it has two of them."""
    if not isinstance(network, DecodesLatents):
        return {}
    lines = interpolations(network, torch.Generator().manual_seed(LINES_SEED))
    found = {"interpolations.png": png(lines.numpy(), columns=COLUMNS)}
    if network.latent_size == 2:
        found["manifold.png"] = png(manifold(network).numpy(), columns=SIDE)
    return found


def manifold(network: DecodesLatents, side: int = SIDE) -> Float[Tensor, "images channels height width"]:
    """Images at the quantiles (i + 1/2) / side of two latent variables (Kingma & Welling 2013, figure 4).

    They are in the order of reading: the first variable grows to the right, the second downwards.
    """
    quantiles = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    second, first = torch.meshgrid(quantiles, quantiles, indexing="ij")
    return _decoded(network, torch.stack([first.flatten(), second.flatten()], dim=1))


def interpolations(
    network: DecodesLatents, generator: torch.Generator, rows: int = ROWS, columns: int = COLUMNS
) -> Float[Tensor, "images channels height width"]:
    """Each row goes in even steps of quantiles from one draw to another, which are its first and last image.

    The middle of a line is nearer to the prior's median than draws are: with many latent variables it looks more
    average than a sample.
    """
    start, end = torch.rand(2, rows, 1, network.latent_size, generator=generator, dtype=torch.float64)
    steps = torch.linspace(0, 1, columns, dtype=torch.float64)[:, None]
    return _decoded(network, torch.lerp(start, end, steps).flatten(0, 1))


def _decoded(network: DecodesLatents, points: Tensor) -> Tensor:
    with torch.no_grad():
        return network.decode_quantiles(points).float().cpu()
