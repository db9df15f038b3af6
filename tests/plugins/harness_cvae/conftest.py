"""What the tests of the conditional variational autoencoder share: small models and half-hidden images."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from harness.interfaces import CompletionBatch, ImageData
from harness_cvae import builders, config

MODELS = {
    "cvae": (builders.build_cvae, config.ConditionalConfig, {"d_latent": 3}),
    "gsnn": (builders.build_gsnn, config.ConditionalConfig, {"d_latent": 3}),
    "cvae_hybrid": (builders.build_cvae_hybrid, config.HybridConfig, {"d_latent": 3}),
    "completion_net": (builders.build_completion_net, config.CompletionNetConfig, {}),
}


@pytest.fixture
def make() -> Callable[..., nn.Module]:
    """Builds a small model from seed 0 in float64."""

    def build(name: str, *, channels: int = 1, size: tuple[int, int] = (4, 5), **options: object) -> nn.Module:
        builder, config_type, defaults = MODELS[name]
        data = ImageData(num_classes=2, channels=channels, height=size[0], width=size[1])
        torch.manual_seed(0)
        return builder(config_type.model_validate({"d_hidden": 7, **defaults, **options}), data, {}).double()

    return build


@pytest.fixture
def batch() -> CompletionBatch:
    """Three binary images [3, 1, 4, 5] in float64, of whose 20 pixels the lower left six are observed."""
    images = torch.rand(3, 1, 4, 5, generator=torch.Generator().manual_seed(1)).round().double()
    observed = torch.zeros(4, 5).double()
    observed[2:, :3] = 1
    return CompletionBatch(inputs=images, observed=observed)
