"""What is said of two times is what their samples allow."""

import numpy as np
import pytest
import torch

from harness.kernels.costs import Ceilings, Work, floor
from harness.kernels.timing import Timing, compare, interleaved


def timing(samples):
    p10, p50, p90 = np.quantile(samples, (0.1, 0.5, 0.9))
    return Timing(p10=p10, p50=p50, p90=p90, samples=tuple(samples))


def noisy(factor, seed, noise=0.05, rounds=40):
    """Samples around a factor, with a drift that both calls of a round share."""
    drift = np.random.default_rng(7).uniform(0.5, 2.0, rounds)
    return timing(factor * drift * (1 + noise * np.random.default_rng(seed).standard_normal(rounds)))


@pytest.mark.parametrize("seed", range(20))
def test_a_call_against_itself_is_never_faster_or_slower(seed):
    assert compare(noisy(1.0, seed, noise=0.02), noisy(1.0, seed + 100, noise=0.02)).verdict in ("same", "cannot tell")


@pytest.mark.parametrize(("factor", "verdict"), [(1.3, "slower"), (0.7, "faster")])
def test_a_large_difference_is_told_in_spite_of_drift(factor, verdict):
    found = compare(noisy(factor, 1), noisy(1.0, 2))
    assert found.verdict == verdict
    assert found.low < 1 / factor < found.high


def test_few_and_noisy_rounds_cannot_tell():
    assert compare(noisy(1.05, 1, noise=0.3, rounds=7), noisy(1.0, 2, noise=0.3, rounds=7)).verdict == "cannot tell"


def test_calls_take_turns():
    order = []
    calls = {name: lambda name=name: order.append(name) or torch.zeros(200_000).sum() for name in ("a", "b")}
    times = interleaved(calls, torch.device("cpu"), 0.05)
    assert len(times["a"].samples) == len(times["b"].samples) >= 7
    assert order.index("b") < len(order) - order[::-1].index("a")


def test_the_floor_is_the_slowest_term():
    ceilings = Ceilings(
        bytes_per_second=100.0, matrix_flops_per_second=1000.0, flops_per_second=10.0, exponentials_per_second=1.0,
        launch_seconds=0.5,
    )  # fmt: skip
    assert floor(Work(bytes=200.0, matrix_flops=500.0), ceilings) == (2.0, "memory")
    assert floor(Work(bytes=1.0, exponentials=3.0), ceilings) == (3.0, "exp")
    assert floor(Work(bytes=1.0), ceilings) == (0.5, "launch")
