"""The law for which rotary positions exist."""

import math

import pytest
import torch

from harness_sequence.rotary import rotate, rotation


def turned(x: torch.Tensor, position: int) -> torch.Tensor:
    return rotate(x[None], rotation(torch.tensor([position]), x.shape[0], x.dtype))[0]


@pytest.fixture
def pair() -> torch.Tensor:
    return torch.randn(2, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("d_head", [2, 7, 8], ids=lambda d_head: f"d_head{d_head}")
@pytest.mark.parametrize("shift", [1, 5, 100_000], ids=lambda shift: f"shift{shift}")
def test_scores_depend_on_the_distance_only(pair, d_head, shift):
    q, k = pair[:, :d_head]
    here = turned(q, 9) @ turned(k, 4)
    there = turned(q, 9 + shift) @ turned(k, 4 + shift)
    torch.testing.assert_close(there, here, atol=1e-9, rtol=0)


def test_scores_change_with_the_distance(pair):
    q, k = pair
    assert abs(turned(q, 9) @ turned(k, 4) - turned(q, 9) @ turned(k, 5)) > 1e-2


def test_the_first_position_is_not_turned(pair):
    torch.testing.assert_close(turned(pair[0], 0), pair[0], atol=0, rtol=0)


def test_the_first_pair_turns_by_one_radian_a_position():
    found = turned(torch.tensor([1.0, 0.0], dtype=torch.float64), 3)
    torch.testing.assert_close(found, torch.tensor([math.cos(3), math.sin(3)], dtype=torch.float64))
