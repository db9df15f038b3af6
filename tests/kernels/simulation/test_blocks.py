"""Blocks that compute together, in every order of their threads; and a barrier left out."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from harness.kernels.cuda.simulation.simulator import Schedule, Simulator

SCHEDULES: list[Schedule] = ["forward", "reverse", "random", "skew"]


@pytest.fixture(params=SCHEDULES)
def simulator(request: pytest.FixtureRequest) -> Simulator:
    return Simulator(schedule=request.param, seed=1)


def test_sums_over_a_block(run: Callable[..., None], simulator: Simulator) -> None:
    x = torch.randn(3, 301)
    sums = torch.full((3, 3), torch.nan)

    run("blocks.cu", "row_sums", [x, x.half(), x.bfloat16(), sums, 301], grid=(3,), block=(128,), simulator=simulator)

    expected = torch.stack([x.double().sum(1), x.half().double().sum(1), x.bfloat16().double().sum(1)])
    torch.testing.assert_close(sums.double(), expected, rtol=0, atol=2e-5)


def test_running_sum_over_tiles(run: Callable[..., None], simulator: Simulator) -> None:
    x = torch.randn(2, 1000)
    y = torch.full_like(x, torch.nan)

    run("blocks.cu", "running_sum<4>", [x, y, 1000, True], grid=(2,), block=(128,), simulator=simulator)

    torch.testing.assert_close(y.double(), x.double().cumsum(1), rtol=0, atol=1e-4)


def has_running_sum(run: Callable[..., None], simulator: Simulator) -> bool:
    """Whether the kernel is right when its second barrier is left out."""
    x = torch.randn(2, 1000, generator=torch.Generator().manual_seed(0))
    y = torch.full_like(x, torch.nan)
    run("blocks.cu", "running_sum<4>", [x, y, 1000, False], grid=(2,), block=(128,), simulator=simulator)
    return torch.allclose(y.double(), x.double().cumsum(1), rtol=0, atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_skew_finds_a_missing_barrier(run: Callable[..., None], seed: int) -> None:
    assert not has_running_sum(run, Simulator(schedule="skew", seed=seed))


def test_turns_in_order_do_not_find_it(run: Callable[..., None]) -> None:
    """Why skew is the default."""
    assert has_running_sum(run, Simulator(schedule="forward"))


def test_a_missing_wait_inside_a_warp_is_found(run: Callable[..., None], simulator: Simulator) -> None:
    right, wrong = torch.zeros(64), torch.zeros(64)

    run("blocks.cu", "neighbours", [right, True], block=(64,), simulator=simulator)
    run("blocks.cu", "neighbours", [wrong, False], block=(64,), simulator=simulator)

    lanes = torch.arange(64).reshape(2, 32)
    assert torch.equal(right, lanes.roll(1, dims=1).flatten().float())
    assert wrong.isnan().any()


def test_dynamic_shared_memory_and_vectors(run: Callable[..., None], simulator: Simulator) -> None:
    x = torch.randn(256)
    y = torch.full_like(x, torch.nan)

    run("blocks.cu", "reverse", [x, y], block=(64,), shared_bytes=2 * 64 * 16, simulator=simulator)

    assert torch.equal(y, x.flip(0))


def test_dynamic_shared_memory_may_exceed_48_kib(run: Callable[..., None]) -> None:
    x = torch.randn(4096)
    y = torch.full_like(x, torch.nan)

    run("blocks.cu", "reverse", [x, y], block=(1024,), shared_bytes=200 << 10)

    assert torch.equal(y, x.flip(0))


def test_atomics(run: Callable[..., None], simulator: Simulator) -> None:
    x = torch.randint(0, 7, (300,), dtype=torch.int32)
    counts, total = torch.zeros(8, dtype=torch.int32), torch.zeros(1)
    largest = torch.full((1,), -5, dtype=torch.int32)

    run("blocks.cu", "histogram", [x, counts, total, largest, 300], grid=(5,), block=(64,), simulator=simulator)

    assert torch.equal(counts.long(), torch.bincount(x, minlength=8))
    assert total.item() == 150
    assert largest.item() == x.max().item()


def test_positions_in_three_dimensions(run: Callable[..., None], simulator: Simulator) -> None:
    y = torch.full((2 * 3 * 2, 5 * 4 * 3), -1, dtype=torch.int32)

    run("blocks.cu", "positions", [y], grid=(2, 3, 2), block=(5, 4, 3), simulator=simulator)

    assert torch.equal(y, (100 * torch.arange(12)[:, None] + torch.arange(60)).int())


def test_shared_variables_of_two_instances_differ(run: Callable[..., None]) -> None:
    y = torch.zeros(2)

    run("blocks.cu", "instances", [y], block=(1,))

    assert y.tolist() == [1, 2]


def test_each_block_finds_shared_memory_uninitialised(run: Callable[..., None]) -> None:
    y = torch.zeros(3)

    run("blocks.cu", "leftovers", [y], grid=(3,), block=(1,))

    assert y.isnan().all()


def test_launches_are_counted(run: Callable[..., None]) -> None:
    simulator = Simulator()

    run("blocks.cu", "instances", [torch.zeros(2)], simulator=simulator)
    run("blocks.cu", "leftovers", [torch.zeros(1)], simulator=simulator)

    assert simulator.launches == [("blocks.cu", "instances"), ("blocks.cu", "leftovers")]
