"""The pair of Radford et al. 2015: strided convolutions with batch norm, for images of 64 pixels there."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from harness.interfaces import ImageData, Kernels, ParameterGroup, Training
from harness_gan.alternating import AlternatingLearner
from harness_gan.config import DcganConfig
from harness_gan.convolutional import Discriminator, Generator
from harness_gan.pair import AdversarialPair
from harness_gan.priors import UniformPrior

WEIGHT_STD = 0.02
BETA2 = 0.999


class Dcgan(AdversarialPair):
    """The pair with the option that its update rule reads."""

    def __init__(self, config: DcganConfig, data: ImageData) -> None:
        super().__init__(
            Generator(
                data, latent_size=config.latent_size, width=config.width, norm=nn.BatchNorm2d, activation=nn.ReLU
            ),
            Discriminator(data, width=config.width, norm=nn.BatchNorm2d),
            UniformPrior(config.latent_size, 1.0),
        )
        self.beta1 = config.beta1
        for layer in self.modules():
            _initialise(layer)


def build(config: DcganConfig, data: ImageData, kernels: Kernels) -> Dcgan:
    """The pair for images of `data`."""
    return Dcgan(config, data)


def learner(
    module: Dcgan,
    *,
    training: Training,
    steps: int,
    groups: Iterable[ParameterGroup] = (),
    precision: str = "float32",
) -> AlternatingLearner:
    """The paper's update rule: the game without a penalty."""
    return AlternatingLearner(module, training=training, betas=(module.beta1, BETA2), precision=precision)


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(layer.weight, std=WEIGHT_STD)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    elif isinstance(layer, nn.BatchNorm2d):
        nn.init.normal_(layer.weight, mean=1.0, std=WEIGHT_STD)
