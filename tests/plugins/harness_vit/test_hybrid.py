"""The hybrid's ResNet: its grid, and parity with the one that transformers has."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers import BitConfig, BitModel

from harness.errors import UsageError
from harness_vit.config import ViTHybridConfig
from harness_vit.hybrid import StandardizedConv


@pytest.fixture
def hybrid(vit):
    return lambda **options: vit(config=ViTHybridConfig, **options)


@pytest.mark.parametrize(
    ("patch_size", "grid"), [(4, (8, 12)), (8, (4, 6)), (16, (2, 3))], ids=["stride4", "stride8", "stride16"]
)
def test_every_pixel_of_the_feature_map_is_a_patch(hybrid, patch_size, grid):
    blocks = (1, 1, 1)[: {4: 1, 8: 2, 16: 3}[patch_size]]
    embedding = hybrid(side=(32, 48), patch_size=patch_size, stem_width=32, stem_blocks=blocks).embedding
    assert embedding.grid == grid
    assert embedding(torch.zeros(2, 3, 32, 48)).shape == (2, grid[0] * grid[1], 64)


@pytest.mark.parametrize("side", [(32, 32), (16, 48)], ids=str)
@pytest.mark.parametrize("blocks", [(2,), (2, 1), (1, 2, 1)], ids=str)
def test_the_feature_map_equals_that_of_transformers(hybrid, blocks, side):
    ours = hybrid(side=side, patch_size=2 ** (1 + len(blocks)), stem_width=32, stem_blocks=blocks).embedding.double()
    widths = [32 * 4 * 2**stage for stage in range(len(blocks))]
    config = BitConfig(
        embedding_size=32,
        hidden_sizes=widths,
        depths=list(blocks),
        layer_type="bottleneck",
        global_padding="same",
        embedding_dynamic_padding=True,
    )
    theirs = BitModel(config).double()
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        mine = [*ours.root.parameters(), *ours.blocks.parameters()]
        for parameter, other in zip(mine, theirs.parameters(), strict=True):
            nn.init.normal_(parameter, std=3.0, generator=generator)
            other.copy_(parameter)
        images = torch.randn(2, 3, *side, generator=generator, dtype=torch.float64)
        expected = ours.pixels(theirs(images).last_hidden_state)
        found = ours(images)
    torch.testing.assert_close(found / expected.std(), expected / expected.std(), atol=1e-3, rtol=0)


def test_a_shift_of_a_filter_changes_nothing():
    convolution = StandardizedConv(3, 4, 3).double()
    images = torch.randn(2, 3, 9, 9, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    before = convolution(images)
    with torch.no_grad():
        convolution.weight += 5
    torch.testing.assert_close(convolution(images), before, atol=1e-10, rtol=0)


@pytest.mark.parametrize(("size", "stride", "expected"), [(9, 1, 9), (9, 2, 5), (8, 2, 4)], ids=str)
def test_a_convolution_keeps_or_halves_the_side(size, stride, expected):
    assert StandardizedConv(3, 4, 3, stride)(torch.zeros(1, 3, size, size)).shape[2:] == (expected, expected)


def test_pixels_that_do_not_fill_the_image_are_refused(hybrid):
    with pytest.raises(UsageError, match=r"patch_size=8 does not divide images of 12x20 pixels.*images of 16x24"):
        hybrid(side=(12, 20), patch_size=8)
