"""What the tests of the variational autoencoder share: small models of every kind, and binary images."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from harness.interfaces import ImageData
from harness_vae import builders, config

MODELS = {
    "vae": (builders.build_vae, config.VAEConfig),
    "conv_vae": (builders.build_conv_vae, config.ConvVAEConfig),
    "iwae": (builders.build_iwae, config.IWAEConfig),
    "wake_sleep": (builders.build_wake_sleep, config.WakeSleepConfig),
    "autoencoder": (builders.build_autoencoder, config.AutoencoderConfig),
}


@pytest.fixture
def make() -> Callable[..., nn.Module]:
    """Builds a model from seed 0 in float64."""

    def build(
        name: str, *, channels: int = 1, size: tuple[int, int] = (4, 5), d_hidden: int = 7, **options: object
    ) -> nn.Module:
        builder, config_type = MODELS[name]
        data = ImageData(num_classes=2, channels=channels, height=size[0], width=size[1])
        torch.manual_seed(0)
        return builder(config_type.model_validate({"d_hidden": d_hidden, **options}), data, {}).double()

    return build


@pytest.fixture
def images() -> Tensor:
    """Three images [3, 1, 4, 5] of zeros and ones in float64."""
    return torch.rand(3, 1, 4, 5, generator=torch.Generator().manual_seed(1)).round().double()
