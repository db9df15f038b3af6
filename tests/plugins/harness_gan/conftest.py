"""What the tests of the adversarial networks share: pairs, learners and batches from fixed seeds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from harness.interfaces import ImageBatch, ImageData, Training
from harness_gan import dcgan, gan_2014, gan_r1
from harness_gan.config import DcganConfig, Gan2014Config, GanR1Config
from harness_gan.gan_2014 import Gan2014
from harness_gan.learner_2014 import Gan2014Learner
from harness_gan.pair import AdversarialPair

DIGITS = ImageData(num_classes=10, channels=1, height=8, width=8)
PAIRS = {
    "gan_2014": (Gan2014Config, gan_2014.build, Gan2014Learner),
    "dcgan": (DcganConfig, dcgan.build, dcgan.learner),
    "gan_r1": (GanR1Config, gan_r1.build, gan_r1.learner),
}


@pytest.fixture(params=PAIRS)
def name(request: pytest.FixtureRequest) -> str:
    """Each model's name."""
    return request.param


@pytest.fixture
def pair() -> Callable[..., AdversarialPair]:
    """Builds a pair from seed 0; the convolutional ones are narrow."""

    def make(name: str = "gan_2014", data: ImageData = DIGITS, **options: object) -> AdversarialPair:
        config, build, _ = PAIRS[name]
        narrow = {} if name == "gan_2014" else {"width": 4, "latent_size": 12}
        torch.manual_seed(0)
        return build(config.model_validate(narrow | options), data, {})

    return make


@pytest.fixture
def learner(pair: Callable[..., AdversarialPair]) -> Callable[..., Gan2014Learner]:
    """Builds a pair with its learner."""

    def make(
        name: str = "gan_2014", training: Training | None = None, precision: str = "float32", **options: object
    ) -> Gan2014Learner:
        training = Training(learning_rate=0.1 if name == "gan_2014" else 1e-3) if training is None else training
        return PAIRS[name][2](pair(name, **options), training=training, steps=10, precision=precision)

    return make


@pytest.fixture
def small(pair: Callable[..., AdversarialPair]) -> Gan2014:
    """The first pair for images of 8 pixels, as it is before its first update."""
    return pair()


@pytest.fixture
def images() -> Tensor:
    """Images [6, 1, 8, 8] from 0 to 1."""
    return torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def batch(images: Tensor) -> ImageBatch:
    return ImageBatch(inputs=images, targets=torch.zeros(6, dtype=torch.long))
