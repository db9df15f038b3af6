"""Resizing as TensorFlow 1 does it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness_generative.bilinear import resized


def row(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float32)[None, None, None].expand(1, 1, len(numbers), len(numbers))


def test_output_pixels_read_from_the_left_edge_and_the_last_repeats() -> None:
    # Positions 0, 1/2, 1, 3/2: half-pixel centres would give 0, 1, 3, 4.
    assert resized(row(0, 4), 4)[0, 0, 0].tolist() == [0, 2, 4, 4]


def test_shrinking_skips_pixels_and_averages_none() -> None:
    assert resized(row(1, 9, 5, 9), 2)[0, 0, 0].tolist() == [1, 5]


def test_rows_are_treated_as_columns_are() -> None:
    images = torch.rand(2, 3, 7, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(resized(images.mT, 11), resized(images, 11).mT)


@pytest.mark.parametrize("side", [5, 28, 64])
def test_a_plane_stays_a_plane_inside(side: int) -> None:
    plane = torch.arange(9.0)[None, None, :, None] * 2 + torch.arange(9.0)[None, None, None, :]
    inside = torch.arange(side) * 9 / side <= 8
    positions = torch.arange(side)[inside] * 9 / side
    expected = positions[:, None] * 2 + positions
    torch.testing.assert_close(resized(plane, side)[0, 0][inside][:, inside], expected)


def test_the_same_size_changes_nothing() -> None:
    images = torch.rand(2, 3, 7, 7, generator=torch.Generator().manual_seed(0))
    assert torch.equal(resized(images, 7), images)
