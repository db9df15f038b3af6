"""The schedules of the first pair in closed form, and its descent."""

import pytest
import torch

from harness_gan.momentum import MomentumDescent, learning_rate, momentum


@pytest.mark.parametrize(
    ("update", "expected"),
    [(0, 0.1), (1, 0.1 / 1.000004), (2, 0.1 / 1.000004 / 1.000004), (3_000_000, 1e-6)],
    ids=["first", "second", "third", "floor"],
)
def test_the_rate_is_divided_after_each_update_down_to_a_floor(update, expected):
    assert learning_rate(update, 0.1, 1.000004, 1e-6) == pytest.approx(expected, rel=1e-12)


def test_a_rate_below_the_floor_is_not_raised():
    assert learning_rate(5, 1e-8, 1.000004, 1e-6) == 1e-8


@pytest.mark.parametrize(
    ("update", "expected"),
    [(0, 0.5), (1, 0.5 + 0.2 / 125_000), (62_500, 0.6), (125_000, 0.7), (400_000, 0.7)],
    ids=["first", "second", "half", "end", "after"],
)
def test_momentum_rises_in_a_line_and_stays(update, expected):
    assert momentum(update, 0.5, 0.7, 125_000) == pytest.approx(expected, rel=1e-12)


def gradients(count=4):
    return list(torch.randn(count, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))


def test_at_a_constant_rate_descent_is_that_of_torch():
    ours, theirs = torch.ones(3, dtype=torch.float64), torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    descent, sgd = MomentumDescent([ours]), torch.optim.SGD([theirs], lr=0.1, momentum=0.6)
    for gradient in gradients():
        descent.step([gradient], rate=0.1, momentum=0.6)
        theirs.grad = gradient
        sgd.step()
    torch.testing.assert_close(ours, theirs.detach(), atol=1e-14, rtol=0)


def test_an_old_gradient_keeps_the_rate_and_the_momenta_of_its_time():
    w = torch.zeros(3, dtype=torch.float64)
    descent, (g0, g1) = MomentumDescent([w]), gradients(2)
    descent.step([g0], rate=0.1, momentum=0.5)
    descent.step([g1], rate=0.01, momentum=0.7)
    torch.testing.assert_close(w, -0.1 * g0 - 0.7 * 0.1 * g0 - 0.01 * g1, atol=1e-15, rtol=0)
