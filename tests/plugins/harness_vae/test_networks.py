"""Shapes, sizes and initial weights of encoders and decoders."""

from __future__ import annotations

import math

import pytest
import torch

from harness.interfaces import ImageData
from harness_vae.convolutional import grids

SIZES = [(8, 8), (28, 28), (32, 32), (28, 20), (7, 5), (1, 1)]


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_networks_for_mnist_have_the_published_size(make):
    assert count(make("vae", size=(28, 28), d_hidden=500)) == 815_824


def test_the_networks_of_wake_sleep_are_those_of_the_vae(make):
    vae, wake_sleep = make("vae").state_dict(), make("wake_sleep").state_dict()
    assert {name: tensor.shape for name, tensor in vae.items()} == {
        name: tensor.shape for name, tensor in wake_sleep.items()
    }


def test_the_autoencoder_lacks_only_the_head_of_the_log_variance(make):
    assert count(make("vae", d_hidden=9)) - count(make("autoencoder", d_hidden=9)) == 9 * 20 + 20


def test_the_importance_weighted_networks_have_two_hidden_layers_each_way(make):
    d, h, z = 784, 200, 50
    expected = d * h + h + h * h + h + 2 * (h * z + z) + z * h + h + h * h + h + h * d + d
    assert count(make("iwae", size=(28, 28), d_hidden=200)) == expected


def test_a_gaussian_decoder_has_a_second_head(make):
    assert count(make("vae", likelihood="gaussian")) - count(make("vae")) == 7 * 20 + 20


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_convolutional_decoder_fills_the_image_exactly(make, size, channels, likelihood):
    model = make("conv_vae", channels=channels, size=size, likelihood=likelihood, d_latent=3)
    assert model.reconstruct(torch.zeros(2, channels, *size).double()).shape == (2, channels, *size)


def test_stages_halve_the_sides_and_round_up():
    assert grids(ImageData(num_classes=1, channels=1, height=28, width=5), 3) == [(28, 5), (14, 3), (7, 2), (4, 1)]


def test_channels_double_from_stage_to_stage(make):
    model = make("conv_vae", size=(8, 8), channels=3, num_stages=3)
    found = [layer.out_channels for layer in model.encoder.hidden if isinstance(layer, torch.nn.Conv2d)]
    assert found == [32, 64, 128]


@pytest.mark.parametrize("name", ["encoder.hidden.0.weight", "decoder.heads.weight", "decoder.heads.bias"])
def test_every_parameter_starts_with_the_given_deviation(make, name):
    parameter = make("vae", size=(28, 28), d_hidden=100).get_parameter(name)
    assert parameter.std().item() == pytest.approx(0.1, rel=5 / math.sqrt(2 * parameter.numel()))


def test_weights_of_the_importance_weighted_networks_start_xavier_uniform(make):
    weight = make("iwae", size=(28, 28), d_hidden=200).encoder.hidden[0].weight
    assert weight.abs().max().item() == pytest.approx(math.sqrt(6 / 984), rel=0.01)
