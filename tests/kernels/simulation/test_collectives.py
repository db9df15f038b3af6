"""Exchanges between lanes and threads, against what CUDA's documentation says of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

ORDER = torch.arange(32)
DTYPES = [torch.float32, torch.float64, torch.int32, torch.int64, torch.float16, torch.bfloat16]


def sources(width: int) -> torch.Tensor:
    """The lane that each lane reads from: one row for idx 5, up 3, down 3 and xor 5."""
    first = ORDER // width * width
    last = first + width - 1
    up, down, crossed = ORDER - 3, ORDER + 3, ORDER ^ 5
    return torch.stack(
        [
            first + 5 % width,
            torch.where(up < first, ORDER, up),
            torch.where(down > last, ORDER, down),
            torch.where(crossed > last, ORDER, crossed),
        ]
    )


@pytest.mark.parametrize("width", [4, 8, 32])
def test_shuffles_move_values_of_every_type(run: Callable[..., None], width: int) -> None:
    x = torch.randint(-50, 50, (32,)).float()
    moved = [torch.full((4, 32), -77, dtype=dtype) for dtype in DTYPES]

    run("collectives.cu", "shuffles", [x, *moved, width])

    expected = x[sources(width)]
    assert [torch.equal(values, expected.to(values.dtype)) for values in moved] == [True] * len(DTYPES)


def test_a_shuffle_moves_a_vector_of_eight_bytes(run: Callable[..., None]) -> None:
    x = torch.randn(32, 2)
    y = torch.full_like(x, torch.nan)

    run("collectives.cu", "pairs", [x, y])

    assert torch.equal(y, x[ORDER ^ 1])


def test_two_groups_of_a_warp_vote_apart(run: Callable[..., None]) -> None:
    split = 20
    x = torch.randint(-100, 100, (32,), dtype=torch.int32)
    x[0], x[31] = 95, -5
    y = torch.full((5, 32), -1, dtype=torch.int32)

    run("collectives.cu", "votes", [x, y, split])

    low, high = x[:split], x[split:]
    bits = (x > 0).long() << ORDER

    def both(of_low: torch.Tensor, of_high: torch.Tensor) -> torch.Tensor:
        return torch.cat([of_low.expand(split), of_high.expand(32 - split)])

    ballots = both(bits[:split].sum(), bits[split:].sum())
    assert torch.equal(y[0].long() & 0xFFFFFFFF, ballots)
    assert torch.equal(y[1].bool(), both((low > 90).any(), (high > 90).any()))
    assert torch.equal(y[2].bool(), both((low > -100).all(), (high > -100).all()))
    assert torch.equal(y[3].long(), both(low.sum(), high.max().long()))
    assert torch.equal(y[4], x.min().expand(32))


def test_reading_from_a_lane_that_returned_gives_nan(run: Callable[..., None]) -> None:
    y = torch.zeros(16)

    run("collectives.cu", "absent", [y])

    assert torch.equal(y.isnan(), torch.arange(16) == 15)


@pytest.mark.parametrize("ones", [0, 3, 64], ids=["none", "some", "all"])
def test_a_barrier_counts(run: Callable[..., None], ones: int) -> None:
    x = (torch.arange(64) < ones).int()
    y = torch.full((3, 64), -1, dtype=torch.int32)

    run("collectives.cu", "counts", [x, y], block=(64,))

    expected = torch.tensor([ones, int(ones > 0), int(ones == 64)], dtype=torch.int32)
    assert torch.equal(y, expected[:, None].expand(3, 64))
