"""The small classifier whose penultimate layer gives the features of 28x28 and 8x8 images."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from harness_generative.feature_widths import PINNED_WIDTH

CHANNELS = (16, 32)
DROPOUT = 0.25
SLOPE = 0.1
"""Of leaky ReLU. With plain ReLU half of the features end at zero for every image."""


class FeatureNetwork(nn.Module, ABC):
    """A classifier in two parts: images to features, features to logits."""

    @abstractmethod
    def features(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d"]:
        """What the second part reads."""

    @abstractmethod
    def classify(self, features: Float[Tensor, "n d"]) -> Float[Tensor, "n classes"]:
        """The logits."""

    def forward(self, images: Float[Tensor, "n c h w"]) -> Float[Tensor, "n classes"]:
        return self.classify(self.features(images))


class SmallClassifier(FeatureNetwork):
    """Two convolutions with leaky ReLU and max-pooling, a layer of 64 leaky ReLU features, and a linear one.

    `side` is the height and width of the images, `pools` the sizes of the two poolings (1 is none). While training,
    features are dropped at random before the last layer.
    """

    def __init__(self, *, num_classes: int, side: int, kernel: int, padding: int, pools: tuple[int, int]) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [
                nn.Conv2d(1, CHANNELS[0], kernel, padding=padding),
                nn.Conv2d(CHANNELS[0], CHANNELS[1], kernel, padding=padding),
            ]
        )
        self.pools = pools
        for pool in pools:
            side = (side + 2 * padding - kernel + 1) // pool
        self.hidden = nn.Linear(CHANNELS[1] * side * side, PINNED_WIDTH)
        self.head = nn.Linear(PINNED_WIDTH, num_classes)

    def features(self, images: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n 64"]:
        for convolution, pool in zip(self.convolutions, self.pools, strict=True):
            images = F.max_pool2d(F.leaky_relu(convolution(images), SLOPE), pool)
        return F.leaky_relu(self.hidden(images.flatten(1)), SLOPE)

    def classify(self, features: Float[Tensor, "n 64"]) -> Float[Tensor, "n classes"]:
        logits: Tensor = self.head(F.dropout(features, DROPOUT, training=self.training))
        return logits


def fashion_network() -> SmallClassifier:
    """46,730 parameters for 28x28 images: 5x5 kernels, both layers pooled."""
    return SmallClassifier(num_classes=10, side=28, kernel=5, padding=0, pools=(2, 2))


def digits_network() -> SmallClassifier:
    """38,282 parameters for 8x8 images: 3x3 kernels, the second layer pooled."""
    return SmallClassifier(num_classes=10, side=8, kernel=3, padding=1, pools=(1, 2))
