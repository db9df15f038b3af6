"""How many actions are random, and how long they are held."""

import math

import numpy as np
import pytest
import torch

from harness_dqn.exploration import Exploration, durations, epsilon


@pytest.mark.parametrize(
    ("step", "expected"),
    [(0, 1.0), (50, 1.0), (50 + 250, 0.775), (50 + 500, 0.55), (50 + 1000, 0.1), (10**7, 0.1)],
)
def test_epsilon_falls_in_a_line_after_the_start(step, expected):
    assert epsilon(step, start=50, initial=1.0, final=0.1, steps=1000) == pytest.approx(expected, abs=1e-12)


def test_durations_follow_the_zeta_law_with_the_tail_on_the_longest():
    found = durations(3)
    first, second = 6 / math.pi**2, 6 / math.pi**2 / 4
    torch.testing.assert_close(found, torch.tensor([first, second, 1 - first - second], dtype=torch.float64))


def test_a_longest_of_one_is_always_one():
    torch.testing.assert_close(durations(1), torch.ones(1, dtype=torch.float64))


def test_the_share_of_random_actions_is_epsilon():
    torch.manual_seed(0)
    chosen = Exploration(4).actions(100_000, 0.3)
    assert (chosen >= 0).double().mean().item() == pytest.approx(0.3, abs=0.01)


def test_random_actions_are_uniform():
    torch.manual_seed(0)
    shares = torch.bincount(Exploration(4).actions(100_000, 1.0), minlength=4) / 100_000
    torch.testing.assert_close(shares, torch.full((4,), 0.25), atol=0.01, rtol=0)


def test_nothing_is_random_at_epsilon_zero():
    assert (Exploration(4, longest=9).actions(100, 0.0) == -1).all()


def test_actions_are_held_for_the_lengths_that_were_drawn():
    torch.manual_seed(0)
    exploration = Exploration(1000, longest=8)
    begun = exploration.actions(50_000, 1.0)
    same = [torch.ones_like(begun, dtype=torch.bool)]
    for _ in range(8):
        same.append(same[-1] & (exploration.actions(50_000, 0.0) == begun))
    lengths = torch.stack(same).sum(dim=0)
    shares = torch.bincount(lengths, minlength=9)[1:] / 50_000
    np.testing.assert_allclose(shares.numpy(), durations(8).numpy(), atol=0.01)
