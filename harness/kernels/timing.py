"""Calls timed against each other: in turn, round by round, so that what the machine does meanwhile hits all alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

WARM_UPS = 3
LEAST_ROUNDS, MOST_ROUNDS = 7, 100
SAMPLE_SECONDS = {"cpu": 1e-3, "cuda": 2e-4}
"""A sample of a short call repeats it for about so long; the clock's own cost then does not show."""
FLUSHED_BYTES = 256 * 2**20
"""Written between samples on a GPU, so that no call finds its inputs in the cache."""
TOLERANCE = 0.03
RESAMPLES = 2000

Call = Callable[[], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Seconds a call, over rounds. `samples` are in the order of the rounds, which all calls share."""

    p10: float
    p50: float
    p90: float
    samples: tuple[float, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """How many times as fast a call is as the baseline, with a 95% interval, and what may be said of it.

    `verdict` is faster or slower where the interval lies beyond 3% on one side, same where it lies within, else
    `cannot tell`.
    """

    ratio: float
    low: float
    high: float
    verdict: str


def interleaved(calls: Mapping[str, Call], device: torch.device, seconds: float) -> dict[str, Timing]:
    """Time calls in turn for about so many seconds in all."""
    sample = _sampler(device)
    repeats = {}
    for name, call in calls.items():
        for _ in range(WARM_UPS):
            call()
        once = sample(call, 1)
        repeats[name] = max(1, min(1000, round(SAMPLE_SECONDS[device.type] / max(once, 1e-9))))
    samples: dict[str, list[float]] = {name: [] for name in calls}
    started = time.perf_counter()
    for done in range(MOST_ROUNDS):
        if done >= LEAST_ROUNDS and time.perf_counter() - started > seconds:
            break
        for name, call in calls.items():
            samples[name].append(sample(call, repeats[name]))
    return {name: _timing(values) for name, values in samples.items()}


def graphed(call: Call, seconds: float) -> Timing | None:
    """A call on a GPU without the CPU's share: captured as a CUDA graph and replayed. None where it cannot be."""
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            call()
    except RuntimeError:
        return None
    return interleaved({"graph": graph.replay}, torch.device("cuda"), seconds)["graph"]


def compare(times: Timing, baseline: Timing) -> Comparison:
    """Ratio of a baseline's time to another's, paired by round."""
    ratios = np.array(baseline.samples) / np.array(times.samples)
    generator = np.random.default_rng(0)
    resampled = np.median(generator.choice(ratios, size=(RESAMPLES, len(ratios))), axis=1)
    low, high = (float(end) for end in np.quantile(resampled, (0.025, 0.975)))
    if low > 1 + TOLERANCE:
        verdict = "faster"
    elif high < 1 / (1 + TOLERANCE):
        verdict = "slower"
    elif low > 1 / (1 + TOLERANCE) and high < 1 + TOLERANCE:
        verdict = "same"
    else:
        verdict = "cannot tell"
    return Comparison(ratio=float(np.median(ratios)), low=low, high=high, verdict=verdict)


def _timing(samples: Sequence[float]) -> Timing:
    p10, p50, p90 = (float(value) for value in np.quantile(samples, (0.1, 0.5, 0.9)))
    return Timing(p10=p10, p50=p50, p90=p90, samples=tuple(samples))


def _sampler(device: torch.device) -> Callable[[Call, int], float]:
    if device.type == "cpu":
        return _sample_on_cpu
    flushed = torch.empty(FLUSHED_BYTES // 4, dtype=torch.int32, device=device)

    def sample_on_cuda(call: Call, repeats: int) -> float:
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        flushed.zero_()
        start.record()
        for _ in range(repeats):
            call()
        end.record()
        end.synchronize()
        return float(start.elapsed_time(end)) / 1e3 / repeats

    return sample_on_cuda


def _sample_on_cpu(call: Call, repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        call()
    return (time.perf_counter() - started) / repeats
