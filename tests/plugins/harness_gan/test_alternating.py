"""The convolutional pairs' update rule: D, then G against the new D; the penalty; the average."""

import copy

import pytest
import torch
import torch.nn.functional as F

from harness.interfaces import ImageBatch, ImageData, Training
from harness_gan.pair import AdversarialPair

RATE = 1e-3
BETAS = {"dcgan": (0.5, 0.999), "gan_r1": (0.0, 0.99)}
CONVOLUTIONAL = pytest.mark.parametrize("name", BETAS)


def squared_slope(network, images):
    """The mean over images of the squared gradient by pixels from -1 to 1."""
    leaf = (2 * images - 1).requires_grad_()
    (gradient,) = torch.autograd.grad(network.layers(leaf).sum(), leaf, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()


def trained_by_hand(name, pair, images, steps):
    """What D and G become, with two Adams and each loss written as a cross-entropy."""
    pair = copy.deepcopy(pair).train()
    d, g = pair.discriminator, pair.generator
    adam_d, adam_g = (torch.optim.Adam(player.parameters(), lr=RATE, betas=BETAS[name]) for player in (d, g))
    ones, zeros = images.new_ones(len(images)), images.new_zeros(len(images))
    for _ in range(steps):
        fakes = g(pair.prior.draw(len(images)).double()).detach()
        loss = F.binary_cross_entropy_with_logits(d(images), ones) + F.binary_cross_entropy_with_logits(d(fakes), zeros)
        penalty = 10.0 / 2 * squared_slope(d, images) if name == "gan_r1" else 0.0
        adam_d.zero_grad()
        (loss + penalty).backward()
        adam_d.step()
        adam_g.zero_grad()
        F.binary_cross_entropy_with_logits(d(g(pair.prior.draw(len(images)).double())), ones).backward()
        adam_g.step()
    return pair


@CONVOLUTIONAL
def test_updates_are_those_of_two_adams(learner, name):
    # Of 16 pixels, so that the discriminator has norms where the model has any.
    ours = learner(name, data=ImageData(num_classes=10, channels=1, height=16, width=16))
    ours.module.double()
    images = torch.rand(6, 1, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    torch.manual_seed(5)
    expected = trained_by_hand(name, ours.module, images, steps=3)
    torch.manual_seed(5)
    for _ in range(3):
        ours.train_step(ImageBatch(inputs=images, targets=torch.zeros(6, dtype=torch.long)))
    torch.testing.assert_close(ours.module.state_dict(), expected.state_dict(), atol=1e-10, rtol=0)


def test_the_penalty_is_added_to_the_discriminators_loss(learner, batch):
    ours, losses = [learner("gan_r1", gamma=gamma) for gamma in (0.0, 10.0)], []
    expected = 10.0 / 2 * squared_slope(ours[0].module.discriminator, batch.inputs).detach()
    for one in ours:
        torch.manual_seed(2)
        losses.append(one.train_step(batch)["loss_d"])
    torch.testing.assert_close(losses[1] - losses[0], expected, atol=1e-6, rtol=1e-5)


@CONVOLUTIONAL
def test_the_loss_is_the_sum_of_both(learner, batch, name):
    values = learner(name).train_step(batch)
    assert torch.equal(values["loss"], values["loss_d"] + values["loss_g"])
    assert not any(value.requires_grad for value in values.values())


# --- the average --------------------------------------------------------------------------------------------------


@CONVOLUTIONAL
def test_without_a_decay_the_trained_pair_is_evaluated(learner, name):
    ours = learner(name)
    assert ours.evaluated is ours.module


@CONVOLUTIONAL
def test_the_average_is_of_the_generators_weights_and_statistics(learner, batch, name):
    ours = learner(name, training=Training(learning_rate=RATE, ema_decay=0.15))
    states = []
    for _ in range(3):
        ours.train_step(batch)
        states.append({key: value.double().clone() for key, value in ours.module.generator.state_dict().items()})
    # The first step's weights are taken whole; then 0.15, which is below 2/11, is kept of the average.
    expected = {
        key: 0.15 * (0.15 * first + 0.85 * second) + 0.85 * third
        for key, first, second, third in (
            (key, *(state[key] for state in states)) for key in states[0] if "num_batches" not in key
        )
    }
    found = {key: value.double() for key, value in ours.evaluated.generator.state_dict().items() if key in expected}
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_early_the_average_forgets_the_first_weights(learner, batch):
    ours = learner("gan_r1", training=Training(learning_rate=RATE, ema_decay=0.9999))
    ours.train_step(batch)
    first = ours.module.generator.project.weight.detach().clone()
    ours.train_step(batch)
    second = ours.module.generator.project.weight.detach()
    torch.testing.assert_close(ours.evaluated.generator.project.weight.detach(), (2 * first + 9 * second) / 11)


def test_what_norms_count_is_copied(learner, batch):
    ours = learner("dcgan", training=Training(learning_rate=RATE, ema_decay=0.5))
    for _ in range(3):
        ours.train_step(batch)
    found, expected = (
        pair.generator.state_dict()["layers.0.num_batches_tracked"] for pair in (ours.evaluated, ours.module)
    )
    assert torch.equal(found, expected)


def test_the_averaged_pair_has_the_trained_discriminator(learner, batch):
    ours = learner("dcgan", training=Training(learning_rate=RATE, ema_decay=0.5))
    assert isinstance(ours.evaluated, AdversarialPair)
    assert ours.evaluated.discriminator is ours.module.discriminator
