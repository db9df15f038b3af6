"""Samples that cannot be measured are refused when they are drawn, and before training where that can be known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from harness.errors import PluginError
from harness.interfaces import Budget, Dataset, ImageData, Training
from harness.runtime.fitting import Diverged
from harness.runtime.seeding import SeedStreams
from harness.specs import Tier
from harness_generative import tasks
from harness_generative.drawing import CHUNK, check_drawing, draw
from harness_generative.options import DigitSamplesOptions

DATA = ImageData(num_classes=10, channels=1, height=8, width=8)


class Draws(nn.Module):
    """Draws uniform noise over a range; the given samples of the given chunk are not numbers."""

    def __init__(self, *, channels: int = 1, lowest: float = 0.0, broken: int = 0, chunk: int = 0) -> None:
        super().__init__()
        self.channels, self.lowest, self.broken, self.broken_chunk = channels, lowest, broken, chunk
        self.chunk = -1

    def sample(self, count, generator):
        self.chunk += 1
        images = self.lowest + (1 - self.lowest) * torch.rand(count, self.channels, 8, 8, generator=generator)
        images[: self.broken * (self.chunk == self.broken_chunk), 0, 0, 0] = float("nan")
        return images


class Untaught:
    """A learner that may not be taught."""

    def __init__(self, network: nn.Module) -> None:
        self.module = self.evaluated = network

    def train_step(self, batch):
        raise AssertionError


def test_samples_are_the_same_every_time():
    assert torch.equal(draw(Draws(), 7), draw(Draws(), 7))


def test_samples_of_several_chunks_are_all_there():
    assert draw(Draws(), CHUNK + 3).shape == (CHUNK + 3, 1, 8, 8)


def test_samples_that_are_not_numbers_are_counted():
    with pytest.raises(Diverged, match="samples: 3 of the 20 drawn after 0 hold a number that is not finite"):
        draw(Draws(broken=3), 20)


def test_drawing_ends_with_the_chunk_that_is_broken():
    network = Draws(broken=2, chunk=1)
    with pytest.raises(Diverged, match=f"2 of the {CHUNK} drawn after {CHUNK}"):
        draw(network, 4 * CHUNK)
    assert network.chunk == 1


def test_a_network_that_draws_what_the_task_describes_is_accepted():
    check_drawing(Draws(), DATA)


@pytest.mark.parametrize(
    ("network", "said"),
    [
        pytest.param(Draws(channels=3), r"Draws draws \[2, 3, 8, 8\]; \[2, 1, 8, 8\] is expected", id="channels"),
        pytest.param(Draws(lowest=-1.0), r"untrained Draws: pixels lie from -.*give \(images \+ 1\) / 2", id="range"),
    ],
)
def test_samples_of_another_kind_are_refused_before_training(network, said):
    with pytest.raises(PluginError, match=said):
        fit(network)


def fit(network):
    arrays = {"images": torch.zeros(20, 8, 8, dtype=torch.uint8).numpy(), "labels": torch.zeros(20).byte().numpy()}
    data = Dataset(
        name="made", splits={"train": arrays}, tier=Tier.EMBEDDED, provenance="", licence="", digest="", facts={}
    )
    return tasks.digit_samples(DigitSamplesOptions()).fit(
        Untaught(network),
        data,
        training=Training(batch_size=4),
        budget=Budget(steps=1),
        streams=SeedStreams(0),
        device=torch.device("cpu"),
        record=lambda step, values: None,
    )
