"""The networks: as many parameters as published, bytes scaled inside, frames that do not fit."""

import copy

import pytest
import torch

from harness.errors import UsageError
from harness.interfaces import ActingData
from harness.runtime.sizing import count_parameters
from harness_dqn.networks import (
    NETWORK_2013,
    NETWORK_2015,
    NETWORK_NORMALISED,
    QNetwork,
    fitted_to_frames,
    scaled,
)


def pixels(side=84, actions=4):
    return ActingData(num_actions=actions, shape=(4, side, side), pixels=True)


NUMBERS = ActingData(num_actions=3, shape=(5,), pixels=False)


@pytest.mark.parametrize(
    ("shape", "actions", "count"),
    [
        (NETWORK_2013, 4, 677_172),
        (NETWORK_2013, 18, 677_172 + 14 * 257),
        (NETWORK_2015, 4, 1_686_180),
        (NETWORK_NORMALISED, 4, 677_172 + 2 * 256),
    ],
    ids=["2013", "2013-18-actions", "2015", "normalised"],
)
def test_parameters_are_those_of_the_papers(shape, actions, count):
    assert count_parameters(QNetwork(shape, pixels(actions=actions), None)) == count


@pytest.mark.parametrize("shape", [NETWORK_2013, NETWORK_2015], ids=["2013", "2015"])
def test_bytes_are_read_as_numbers_from_0_to_1(shape):
    torch.manual_seed(0)
    network = QNetwork(shape, pixels(), None).double()
    frames = torch.randint(0, 256, (2, 4, 84, 84), dtype=torch.uint8)
    torch.testing.assert_close(network(frames), network.layers(frames.double() / 255))


def test_scaled_bytes_are_laid_out_for_convolutions_of_the_cpu():
    frames = torch.arange(256, dtype=torch.uint8).view(2, 4, 4, 8)
    numbers = scaled(frames, torch.float32)
    assert torch.equal(numbers, frames.float() / 255)
    assert numbers.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("shape", [NETWORK_2013, NETWORK_2015, NETWORK_NORMALISED], ids=["2013", "2015", "normalised"])
def test_values_and_gradients_are_those_of_double_precision(shape, batch):
    torch.manual_seed(0)
    single = QNetwork(shape, pixels(), None)
    double = copy.deepcopy(single).double()
    frames = torch.randint(0, 256, (batch, 4, 84, 84), dtype=torch.uint8)
    found, expected = [
        [values.detach(), *torch.autograd.grad(values.square().sum(), list(network.parameters()))]
        for network in (single, double)
        for values in [network(frames)]
    ]
    torch.testing.assert_close([tensor.double() for tensor in found], expected, rtol=1e-4, atol=1e-5)


def test_half_precision_of_pixels_gives_values_nearby():
    torch.manual_seed(0)
    network = QNetwork(NETWORK_2013, pixels(side=36), None)
    frames = torch.randint(0, 256, (3, 4, 36, 36), dtype=torch.uint8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = network(frames)
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), network(frames), rtol=0.05, atol=0.02)


def test_weights_are_laid_out_for_convolutions_of_the_cpu():
    first = QNetwork(NETWORK_2013, pixels(), None).layers[0].weight
    assert first.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("shape", [NETWORK_2013, NETWORK_2015, NETWORK_NORMALISED], ids=["2013", "2015", "normalised"])
def test_plain_numbers_give_one_value_an_action(shape):
    assert QNetwork(shape, NUMBERS, None)(torch.zeros(7, 5)).shape == (7, 3)


def test_small_frames_get_a_finer_first_layer():
    network = QNetwork(fitted_to_frames(NETWORK_NORMALISED, pixels(side=42)), pixels(side=42), None)
    assert network.layers[0].kernel_size == (4, 4)


def test_frames_of_the_published_size_keep_the_published_layers():
    assert fitted_to_frames(NETWORK_NORMALISED, pixels()) is NETWORK_NORMALISED


def test_frames_too_small_for_the_layers_are_refused():
    with pytest.raises(UsageError, match=r"frames of 16x16 pixels leave 3 where a layer reads 4x4; .* made for 84x84"):
        QNetwork(NETWORK_2013, pixels(side=16), None)
