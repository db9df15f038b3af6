"""The convolutional networks: sizes, counts, ranges, initialisation, where norms are."""

import pytest
import torch
from torch import nn

from harness.errors import UsageError
from harness.interfaces import ImageData
from harness_gan.convolutional import halved_sizes

CONVOLUTIONAL = pytest.mark.parametrize("name", ["dcgan", "gan_r1"])
SIDES = pytest.mark.parametrize(
    ("height", "width"),
    [(8, 8), (9, 13), (15, 8), (28, 28), (32, 32), (33, 64)],
    ids=lambda side: str(side),
)


def data_of(height, width, channels=3):
    return ImageData(num_classes=10, channels=channels, height=height, width=width)


def count(network):
    return sum(parameter.numel() for parameter in network.parameters())


@CONVOLUTIONAL
@SIDES
def test_generated_images_have_the_datas_size(pair, name, height, width):
    images = pair(name, data_of(height, width)).sample(2, torch.Generator().manual_seed(0))
    assert images.shape == (2, 3, height, width)


@CONVOLUTIONAL
@SIDES
def test_every_image_gets_one_score(pair, name, height, width):
    assert pair(name, data_of(height, width)).discriminator(torch.rand(4, 3, height, width)).shape == (4,)


@pytest.mark.parametrize(
    "sides",
    [[8, 4], [9, 5], [28, 14, 7], [32, 16, 8, 4], [64, 32, 16, 8, 4]],
    ids=lambda sides: f"side{sides[0]}",
)
def test_images_are_halved_to_a_side_from_4_to_7(sides):
    assert halved_sizes(data_of(sides[0], sides[0])) == [(s, s) for s in sides]


@CONVOLUTIONAL
def test_images_under_8_pixels_are_refused(pair, name):
    with pytest.raises(UsageError, match=r"images of 12 x 7 pixels: .* at least 8 x 8, or gan_2014"):
        pair(name, data_of(12, 7))


def test_the_number_of_parameters_with_norms_is_the_closed_form(pair):
    # Sides 28, 14 and 7; 4 and 8 channels; kernels of 5 x 5; z of 12; a gain and an offset for each norm's channel.
    model = pair("dcgan", data_of(28, 28, channels=1))
    assert count(model.generator) == 12 * 8 * 49 + 2 * 8 + 25 * 8 * 4 + 2 * 4 + (25 * 4 * 1 + 1)
    assert count(model.discriminator) == (25 * 1 * 4 + 4) + 25 * 4 * 8 + 2 * 8 + (8 * 49 + 1)


def test_the_number_of_parameters_without_norms_is_the_closed_form(pair):
    model = pair("gan_r1", data_of(28, 28, channels=1))
    assert count(model.generator) == (12 + 1) * 8 * 49 + (25 * 8 * 4 + 4) + (25 * 4 * 1 + 1)
    assert count(model.discriminator) == (25 * 1 * 4 + 4) + (25 * 4 * 8 + 8) + (8 * 49 + 1)


@CONVOLUTIONAL
def test_the_output_is_tanh_taken_from_0_to_1(pair, name):
    network = pair(name).generator.eval()
    z = torch.randn(3, 12, generator=torch.Generator().manual_seed(1))
    maps = network.layers(network.project(z).reshape(3, 4, 4, 4))
    # (tanh a + 1) / 2 = sigmoid(2 a)
    torch.testing.assert_close(network(z), torch.sigmoid(2 * maps))


@CONVOLUTIONAL
def test_the_discriminator_reads_images_from_minus_1_to_1(pair, name, images):
    network = pair(name).discriminator
    torch.testing.assert_close(network(images), network.layers(2 * images - 1)[:, 0])


def kinds(network, kind):
    return [layer for layer in network.modules() if isinstance(layer, kind)]


def test_dcgan_norms_all_but_the_first_scored_and_the_last_generated_layer(pair):
    model = pair("dcgan", data_of(32, 32))
    discriminator = [type(layer).__name__ for layer in model.discriminator.layers]
    generator = [type(layer).__name__ for layer in model.generator.layers]
    later = ["Conv2d", "BatchNorm2d", "LeakyReLU"]
    assert discriminator == ["Conv2d", "Identity", "LeakyReLU", *later, *later, "Flatten", "Linear"]
    assert generator == ["BatchNorm2d", "ReLU", *["ConvTranspose2d", "BatchNorm2d", "ReLU"] * 2, "ConvTranspose2d"]


def test_gan_r1_has_no_norm(pair):
    assert kinds(pair("gan_r1", data_of(32, 32)), nn.BatchNorm2d) == []


def test_dcgan_starts_as_published(pair):
    model = pair("dcgan", data_of(32, 32), width=32)
    weights = torch.cat([layer.weight.flatten() for layer in kinds(model, nn.Conv2d | nn.ConvTranspose2d | nn.Linear)])
    gains = torch.cat([layer.weight for layer in kinds(model, nn.BatchNorm2d)])
    assert weights.std().item() == pytest.approx(0.02, rel=0.01)
    assert gains.mean().item() == pytest.approx(1.0, abs=0.01)
    assert gains.std().item() == pytest.approx(0.02, rel=0.2)
    assert all(not parameter.any() for key, parameter in model.named_parameters() if key.endswith("bias"))


@pytest.mark.parametrize(("name", "variance"), [("dcgan", 1 / 3), ("gan_r1", 1.0)])
def test_noise_is_that_of_the_paper(pair, name, variance):
    noise = pair(name).prior.draw(4_000, torch.Generator().manual_seed(0))
    assert noise.shape == (4_000, 12)
    assert noise.var().item() == pytest.approx(variance, rel=0.02)


@CONVOLUTIONAL
def test_a_network_can_be_counted_without_memory(pair, name):
    with torch.device("meta"):
        counted = pair(name, data_of(64, 64), width=512)
    assert {parameter.device.type for parameter in counted.parameters()} == {"meta"}
