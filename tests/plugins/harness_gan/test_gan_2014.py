"""The first pair: sizes, maxout, initialisation, dropout, marginals."""

import math

import pytest
import torch
from torch import nn

from harness.interfaces import ImageData
from harness_gan.gan_2014 import Maxout

MNIST = ImageData(num_classes=10, channels=1, height=28, width=28)


def linear_layers(network):
    return [layer for layer in network.modules() if isinstance(layer, nn.Linear)]


@pytest.mark.parametrize(("player", "count"), [("generator", 2_503_984), ("discriminator", 1_231_441)], ids=str)
def test_for_mnist_the_number_of_parameters_is_the_published_one(pair, player, count):
    network = getattr(pair(data=MNIST), player)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


def test_maxout_is_the_largest_of_its_maps():
    torch.manual_seed(0)
    layer, x = Maxout(3, 4, 5), torch.randn(6, 3)
    maps = layer.linear.weight.view(4, 5, 3)
    expected = (torch.einsum("upi,bi->bup", maps, x) + layer.linear.bias.view(4, 5)).amax(dim=2)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize(("player", "limit"), [("generator", 0.05), ("discriminator", 0.005)], ids=str)
def test_weights_start_uniform_in_the_published_range(small, player, limit):
    widest = torch.stack([layer.weight.abs().max() for layer in linear_layers(getattr(small, player))])
    spread = torch.stack([layer.weight.std() for layer in linear_layers(getattr(small, player))])
    assert widest.max() <= limit
    torch.testing.assert_close(spread, torch.full((3,), limit / math.sqrt(3)), rtol=0.1, atol=0)


@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_biases_start_at_zero(small, player):
    assert all(torch.equal(layer.bias, torch.zeros_like(layer.bias)) for layer in linear_layers(getattr(small, player)))


def test_the_default_initialisation_is_torchs(pair):
    found = pair(initialisation="default").discriminator.layers[2].linear
    torch.manual_seed(0)
    for inputs, outputs in ((100, 1200), (1200, 1200), (1200, 64)):
        nn.Linear(inputs, outputs)
    expected = nn.Linear(64, 1200)
    assert torch.equal(found.weight, expected.weight)
    assert torch.equal(found.bias, expected.bias)


def test_noise_is_uniform_with_variance_1(small):
    noise = small.prior.draw(2_000, torch.Generator().manual_seed(0))
    assert noise.shape == (2_000, 100)
    assert noise.abs().max() <= math.sqrt(3)
    assert noise.var().item() == pytest.approx(1.0, abs=0.01)


def test_the_generator_is_two_relu_layers_and_a_sigmoid(small):
    z = torch.randn(5, 100, generator=torch.Generator().manual_seed(4))
    first, second, out = linear_layers(small.generator)
    hidden = (second.weight @ (first.weight @ z.T).clamp(min=0)).clamp(min=0)
    expected = torch.sigmoid(out.weight @ hidden).T.reshape(5, 1, 8, 8)
    torch.testing.assert_close(small.generator(z), expected)


# --- dropout ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "keep", "scale"), [(1, 0.8, 1.25), (3, 0.5, 2.0), (5, 0.5, 2.0)], ids=["image", "first", "second"]
)
def test_dropout_keeps_the_published_share_and_rescales_it(small, position, keep, scale):
    torch.manual_seed(1)
    found = small.train().discriminator.layers[position](torch.ones(400, 100))
    assert found.unique().tolist() == [0.0, scale]
    assert (found > 0).double().mean().item() == pytest.approx(keep, abs=0.01)


def test_without_dropout_training_and_evaluation_score_alike(pair, images):
    network = pair(discriminator_dropout=False).discriminator
    assert torch.equal(network.train()(images), network.eval()(images))


def test_evaluation_drops_nothing(small, images):
    network = small.eval().discriminator
    assert torch.equal(network(images), network(images))


def test_a_pixel_that_is_dropped_gives_no_gradient_to_the_image(small, images):
    kept = []
    dropout = small.train().discriminator.layers[1]
    dropout.register_forward_hook(lambda module, inputs, outputs: kept.append(outputs != 0))
    leaf = images.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(small.discriminator(leaf).sum(), leaf)
    assert torch.equal(gradient.flatten(1) != 0, kept[0])


# --- marginals ----------------------------------------------------------------------------------------------------


def test_the_output_starts_at_the_pixels_marginals(small, images):
    small.generator.start_at_marginals(images)
    expected = (images.sum(dim=0) + 0.5) / 7
    torch.testing.assert_close(torch.sigmoid(small.generator.out.bias).reshape(1, 8, 8), expected)


@pytest.mark.parametrize("value", [0.0, 1.0], ids=["black", "white"])
def test_a_pixel_that_never_changes_has_a_finite_bias(small, value):
    small.generator.start_at_marginals(torch.full((100, 1, 8, 8), value))
    expected = torch.full((64,), math.copysign(math.log(100.5 / 0.5), value - 0.5))
    torch.testing.assert_close(small.generator.out.bias.detach(), expected)
