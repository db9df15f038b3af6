"""The pair of Mescheder et al. 2018 with `dcgan`'s shape: no norms, and a penalty on D's gradient at the data."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from torch import nn

from harness.interfaces import ImageData, Kernels, ParameterGroup, Training
from harness_gan.alternating import AlternatingLearner
from harness_gan.config import GanR1Config
from harness_gan.convolutional import SLOPE, Discriminator, Generator
from harness_gan.losses import r1_penalty
from harness_gan.pair import AdversarialPair
from harness_gan.priors import NormalPrior

# Without a mean of gradients, Adam is the paper's RMSProp with a correction of its first steps.
BETAS = (0.0, 0.99)


class GanR1(AdversarialPair):
    """The pair with the option that its update rule reads."""

    def __init__(self, config: GanR1Config, data: ImageData) -> None:
        super().__init__(
            Generator(
                data,
                latent_size=config.latent_size,
                width=config.width,
                norm=nn.Identity,
                activation=partial(nn.LeakyReLU, SLOPE),
            ),
            Discriminator(data, width=config.width, norm=nn.Identity),
            NormalPrior(config.latent_size),
        )
        self.gamma = config.gamma


def build(config: GanR1Config, data: ImageData, kernels: Kernels) -> GanR1:
    """The pair for images of `data`."""
    return GanR1(config, data)


def learner(
    module: GanR1,
    *,
    training: Training,
    steps: int,
    groups: Iterable[ParameterGroup] = (),
    precision: str = "float32",
) -> AlternatingLearner:
    """The paper's update rule: the penalty, and Adam without a mean of gradients."""
    return AlternatingLearner(
        module,
        training=training,
        betas=BETAS,
        penalty=partial(r1_penalty, gamma=module.gamma),
        precision=precision,
    )
