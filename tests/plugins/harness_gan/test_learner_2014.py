"""The first pair's update rule: one forward pass, both players at once, its schedules, what it refuses."""

import copy
import math

import pytest
import torch

from harness.errors import UsageError
from harness.interfaces import ImageBatch, Training
from harness_gan.learner_2014 import Gan2014Learner

LOSSES = {
    "non_saturating": lambda d: -d.log().mean(),
    "saturating": lambda d: (1 - d).log().mean(),
}


def calls_of(network):
    calls = []
    network.register_forward_hook(lambda module, inputs, outputs: calls.append(module))
    return calls


def trained_by_the_formulas(pair, images, loss, steps):
    """What the players become, with logarithms of probabilities, halved rates and momentum at 0.7 after two updates."""
    pair = copy.deepcopy(pair).train()
    pair.generator.start_at_marginals(images)
    players = list(pair.discriminator.parameters()), list(pair.generator.parameters())
    velocities = [[torch.zeros_like(parameter) for parameter in player] for player in players]
    for step in range(steps):
        scores = pair(images)
        d_real, d_fake = torch.sigmoid(scores.real), torch.sigmoid(scores.fake)
        losses = -(d_real.log().mean() + (1 - d_fake).log().mean()) / 2, LOSSES[loss](d_fake)
        found = [
            torch.autograd.grad(value, player, retain_graph=True) for value, player in zip(losses, players, strict=True)
        ]
        rate, momentum = 0.1 / 2**step, (0.5, 0.6, 0.7, 0.7)[step]
        for player, velocity, gradients in zip(players, velocities, found, strict=True):
            for w, v, g in zip(player, velocity, gradients, strict=True):
                v.copy_(momentum * v - rate * g)
                w.data += v
    return pair


@pytest.mark.parametrize("loss", LOSSES)
def test_updates_are_those_of_the_formulas(pair, batch, loss):
    module = pair(loss=loss, learning_rate_divisor=2.0, momentum_updates=2).double()
    double = ImageBatch(inputs=batch.inputs.double(), targets=batch.targets)
    torch.manual_seed(7)
    expected = trained_by_the_formulas(module, double.inputs, loss, steps=4)
    ours = Gan2014Learner(module, training=Training(learning_rate=0.1), steps=4)
    torch.manual_seed(7)
    for _ in range(4):
        ours.train_step(double)
    torch.testing.assert_close(ours.module.state_dict(), expected.state_dict(), atol=1e-12, rtol=0)


def test_a_step_is_one_pass_over_the_data_and_one_over_the_fakes(learner, batch):
    ours = learner()
    generated, scored = calls_of(ours.module.generator), calls_of(ours.module.discriminator)
    ours.train_step(batch)
    assert (len(generated), len(scored)) == (1, 2)


def test_the_generators_gradient_passes_through_what_dropout_left(learner, batch):
    ours, kept, seen = learner(), [], []
    dropout = ours.module.discriminator.layers[1]
    dropout.register_forward_hook(lambda module, inputs, outputs: kept.append(outputs != 0))

    def watch(module, inputs, outputs):
        outputs.register_hook(seen.append)

    ours.module.generator.register_forward_hook(watch)
    ours.train_step(batch)
    of_generator_loss = seen[0].flatten(1)
    # Of the two passes the second is over the fakes.
    assert torch.equal(of_generator_loss != 0, kept[1])


def test_training_starts_where_nobody_wins(learner, batch):
    values = learner().train_step(batch)
    found = torch.stack([values[name] for name in ("loss_d", "loss_g", "real_score", "fake_score")])
    torch.testing.assert_close(found, torch.tensor([math.log(2), math.log(2), 0.5, 0.5]), atol=1e-3, rtol=0)


def test_the_loss_is_the_sum_of_both(learner, batch):
    values = learner().train_step(batch)
    assert torch.equal(values["loss"], values["loss_d"] + values["loss_g"])


def test_values_carry_no_gradient(learner, batch):
    assert not any(value.requires_grad for value in learner().train_step(batch).values())


def tiny_rate():
    return Training(learning_rate=1e-12)


def test_the_first_batch_gives_the_marginals(learner, batch):
    ours = learner(training=tiny_rate())
    ours.train_step(batch)
    expected = (batch.inputs.sum(dim=0) + 0.5) / 7
    torch.testing.assert_close(torch.sigmoid(ours.module.generator.out.bias.detach()).reshape(1, 8, 8), expected)


def test_later_batches_do_not_move_the_marginals(learner, batch):
    ours = learner(training=tiny_rate())
    ours.train_step(batch)
    before = ours.module.generator.out.bias.detach().clone()
    ours.train_step(ImageBatch(inputs=1 - batch.inputs, targets=batch.targets))
    torch.testing.assert_close(ours.module.generator.out.bias.detach(), before)


def test_the_default_initialisation_has_no_marginals(learner, batch):
    ours = learner(training=tiny_rate(), initialisation="default")
    before = ours.module.generator.out.bias.detach().clone()
    ours.train_step(batch)
    torch.testing.assert_close(ours.module.generator.out.bias.detach(), before)


def test_an_average_of_the_weights_is_refused(learner):
    with pytest.raises(UsageError, match=r"ema_decay=0\.99: gan_2014 has no average .* use ema_decay=0"):
        learner(training=Training(ema_decay=0.99))


def test_what_is_evaluated_is_what_is_trained(learner):
    ours = learner()
    assert ours.evaluated is ours.module
