"""Losses in closed form, the optimal discriminator, and the R1 penalty."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from harness_gan.losses import negative_value, non_saturating, r1_penalty, saturating
from harness_gan.pair import Scores

# Eight draws each of four outcomes: the outcomes' counts under the data and under G.
DATA_COUNTS, MODEL_COUNTS = torch.tensor([1, 2, 4, 1]), torch.tensor([4, 2, 1, 1])
P, Q = DATA_COUNTS.double() / 8, MODEL_COUNTS.double() / 8
SCORES = torch.tensor([-30.0, -1.5, 0.0, 0.7, 30.0], dtype=torch.float64)


def toy_loss(scores_of_outcomes):
    """D's loss where it is a table of four scores."""
    outcomes = torch.arange(4)
    real = scores_of_outcomes[outcomes.repeat_interleave(DATA_COUNTS)]
    fake = scores_of_outcomes[outcomes.repeat_interleave(MODEL_COUNTS)]
    return negative_value(Scores(real=real, fake=fake))


def test_an_undecided_discriminator_has_the_value_minus_log_4():
    undecided = torch.zeros(7, dtype=torch.float64)
    found = negative_value(Scores(real=undecided, fake=undecided[:3]))
    assert found.item() == pytest.approx(math.log(4), abs=1e-15)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [(non_saturating, math.log(2)), (saturating, -math.log(2))],
    ids=["non_saturating", "saturating"],
)
def test_an_undecided_discriminator_costs_the_generator_log_2(loss, expected):
    assert loss(torch.zeros(5, dtype=torch.float64)).item() == pytest.approx(expected, abs=1e-15)


def test_the_value_is_made_of_two_binary_cross_entropies():
    real, fake = SCORES, SCORES.flip(0) / 2
    expected = F.binary_cross_entropy_with_logits(real, torch.ones(5, dtype=torch.float64))
    expected += F.binary_cross_entropy_with_logits(fake, torch.zeros(5, dtype=torch.float64))
    torch.testing.assert_close(negative_value(Scores(real=real, fake=fake)), expected)


def test_the_saturating_loss_is_the_generators_side_of_the_value():
    real = torch.full((5,), 40.0, dtype=torch.float64)
    torch.testing.assert_close(saturating(SCORES), -negative_value(Scores(real=real, fake=SCORES)), atol=1e-15, rtol=0)


@pytest.mark.parametrize(
    ("loss", "slope"),
    [(non_saturating, lambda d: d - 1), (saturating, lambda d: -d)],
    ids=["non_saturating", "saturating"],
)
def test_gradients_by_the_score_are_those_of_the_formula(loss, slope):
    scores = SCORES.clone().requires_grad_()
    (found,) = torch.autograd.grad(loss(scores), scores)
    torch.testing.assert_close(found, slope(torch.sigmoid(SCORES)) / 5, atol=1e-15, rtol=1e-12)


@pytest.mark.parametrize(("loss", "size"), [(non_saturating, 1.0), (saturating, 0.0)], ids=["strong", "vanishing"])
def test_where_the_discriminator_wins_only_one_loss_has_a_gradient(loss, size):
    score = torch.tensor([-40.0], dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(score), score)
    assert gradient.abs().item() == pytest.approx(size, abs=1e-15)


@pytest.mark.parametrize("loss", [non_saturating, saturating], ids=["non_saturating", "saturating"])
def test_scores_beyond_what_the_exponential_holds_stay_finite(loss):
    scores = torch.tensor([-1e4, 1e4], requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(scores), scores)
    assert gradient.isfinite().all()


# --- the optimal discriminator (proposition 1, theorem 1) ---------------------------------------------------------


def test_a_discriminator_trained_to_its_end_is_p_over_p_plus_q():
    scores = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [scores], max_iter=200, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
    )

    def closure():
        optimizer.zero_grad()
        loss = toy_loss(scores)
        loss.backward()
        return loss

    optimizer.step(closure)
    torch.testing.assert_close(torch.sigmoid(scores.detach()), P / (P + Q), atol=1e-9, rtol=0)


def test_the_optimal_discriminators_value_is_twice_the_jensen_shannon_divergence_less_log_4():
    middle = (P + Q) / 2
    divergence = (P * (P / middle).log() + Q * (Q / middle).log()).sum() / 2
    value = -toy_loss((P / Q).log())
    torch.testing.assert_close(value, 2 * divergence - math.log(4))


# --- the R1 penalty -----------------------------------------------------------------------------------------------


def smooth_network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 1), nn.Flatten(0)).double()


def penalised(network, images, gamma=3.0):
    leaf = images.detach().requires_grad_()
    return r1_penalty(network(leaf), leaf, gamma)


def test_the_penalty_of_a_linear_discriminator_is_its_squared_norm():
    weights = torch.tensor([3.0, -4.0, 12.0])
    images = torch.rand(5, 3, 1, 1).requires_grad_()
    found = r1_penalty((images.flatten(1) * weights).sum(dim=1), images, gamma=10.0)
    # A pixel from -1 to 1 moves the score half as much as one from 0 to 1.
    assert found.item() == pytest.approx(10.0 / 2 * 13.0**2 / 4)


def test_the_penalty_is_made_of_central_differences_of_the_score():
    network, step = smooth_network(), 1e-6
    images = torch.rand(4, 1, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    moves = step * torch.eye(6, dtype=torch.float64).reshape(6, 1, 2, 3)
    # Moves of a pixel from 0 to 1; from -1 to 1 they are twice as long.
    slopes = torch.stack([(network(images + move) - network(images - move)) / (4 * step) for move in moves])
    expected = 3.0 / 2 * slopes.square().sum(dim=0).mean()
    torch.testing.assert_close(penalised(network, images).detach(), expected, atol=1e-10, rtol=1e-7)


def test_the_penaltys_gradient_is_that_of_finite_differences():
    network = smooth_network()
    names = [name for name, _ in network.named_parameters()][:3]
    images = torch.rand(3, 1, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(2))

    def of_parameters(*parameters):
        def with_them(leaf):
            return functional_call(network, dict(zip(names, parameters, strict=True)), (leaf,))

        return penalised(with_them, images)

    start = [network.get_parameter(name).detach().requires_grad_() for name in names]
    assert torch.autograd.gradcheck(of_parameters, start)


def test_examples_do_not_share_their_gradients():
    network = smooth_network()
    images = torch.rand(4, 1, 2, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    alone = torch.stack([penalised(network, image[None]) for image in images])
    torch.testing.assert_close(penalised(network, images), alone.mean())
