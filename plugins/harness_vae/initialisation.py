"""How the parameters start."""

from __future__ import annotations

from torch import nn


def initialise_normal(module: nn.Module, std: float) -> None:
    """Every parameter from N(0, std^2), biases too (Kingma & Welling, section 5)."""
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=std)


def initialise_xavier(module: nn.Module) -> None:
    """Weights of linear maps uniform with a variance of 2 / (inputs + outputs), biases zero."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.zeros_(layer.bias)
