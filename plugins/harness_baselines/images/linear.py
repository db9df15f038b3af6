"""Models without structure: logistic regression on pixels and the multi-layer perceptron."""

from __future__ import annotations

from itertools import pairwise

from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import ImageData, Kernels
from harness_baselines.images.config import LogisticRegressionConfig, MLPConfig


class LogisticRegression(nn.Module):
    """One linear map of the pixels."""

    def __init__(self, num_pixels: int, num_classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(num_pixels, num_classes)

    def features(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch pixels"]:
        """The pixels themselves."""
        return images.flatten(1)

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        return self.head(self.features(images))  # type: ignore[no-any-return]


class MLP(nn.Module):
    """Linear maps with a ReLU after each but the last. Weights are drawn for ReLU (He et al. 2015)."""

    def __init__(self, num_pixels: int, d_hidden: int, num_layers: int, dropout: float, num_classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for d_in, d_out in pairwise([num_pixels, *[d_hidden] * num_layers]):
            linear = nn.Linear(d_in, d_out)
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
            layers += [linear, nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)
        self.head = nn.Linear(d_hidden, num_classes)

    def features(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch d_hidden"]:
        """The last hidden layer."""
        return self.layers(images.flatten(1))  # type: ignore[no-any-return]

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        return self.head(self.features(images))  # type: ignore[no-any-return]


def build_logistic_regression(
    config: LogisticRegressionConfig, data: ImageData, kernels: Kernels
) -> LogisticRegression:
    """The network for images of `data`; it uses none of the kernels."""
    return LogisticRegression(data.channels * data.height * data.width, data.num_classes)


def build_mlp(config: MLPConfig, data: ImageData, kernels: Kernels) -> MLP:
    """The network for images of `data`; it uses none of the kernels."""
    num_pixels = data.channels * data.height * data.width
    return MLP(num_pixels, config.d_hidden, config.num_layers, config.dropout, data.num_classes)
