"""Calls timed against each other: in turn, round by round, so that what the machine does meanwhile hits all alike."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import torch

from harness.kernels.conditions import Conditions, read_conditions
from harness.scaling.ratios import Ratio, median_interval, paired_ratio

WARM_UPS = 3
LEAST_ROUNDS, MOST_ROUNDS = 7, 100
FIRST_LOOK = 8
SAMPLE_SECONDS = {"cpu": 1e-3, "cuda": 2e-4}
"""A sample of a short call repeats it for about so long; the clock's own cost then does not show."""
FLUSHED_BYTES = 256 * 2**20
"""Written between samples on a GPU, so that no call finds its inputs in the cache."""
TOLERANCE = 0.03
UNTOLD = "cannot tell"
DISTURBED = 1.5
"""A sample of so many times the lower quartile of its call was interrupted by something else."""
LEAST_CALM_ROUNDS = 6
LEFT_OUT = 0.05

Call = Callable[[], Any]
Enough: TypeAlias = Callable[[Mapping[str, Sequence[float]], float], bool]
"""Whether samples of each call suffice, where intervals may miss so often."""
Stop: TypeAlias = Literal["enough", "time", "rounds"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Seconds a call, over rounds. `samples` are in the order of the rounds, which all calls share.

    `low` to `high` is the 95% interval of the median. `left_out` is how often an interval of these samples may miss, so
    that it is right 95 times in 100 although the samples were looked at before: 0.05 where they were not.
    """

    p10: float
    p50: float
    p90: float
    low: float
    high: float
    samples: tuple[float, ...]
    left_out: float = LEFT_OUT


@dataclass(frozen=True, kw_only=True)
class Interleaved(Mapping[str, Timing]):
    """The timing of each call, why no more rounds were taken, and what the machine did before and after."""

    timings: Mapping[str, Timing]
    stopped: Stop
    before: Conditions
    after: Conditions

    def __getitem__(self, name: str) -> Timing:
        return self.timings[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.timings)

    def __len__(self) -> int:
        return len(self.timings)


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


def interleaved(
    calls: Mapping[str, Call],
    device: torch.device,
    seconds: float,
    *,
    enough: Enough | None = None,
    most_rounds: int = MOST_ROUNDS,
) -> Interleaved:
    """Time calls in turn, in an order drawn for each round, for about so many seconds in all.

    Seven rounds are taken whatever they take, if `most_rounds` allows. With `enough` (`precise`, `told`) they end
    before the time does once it says so. Stopping when an interval happens to please makes it miss too often, so there
    are few looks, after 8, 16, 32, ... rounds; the k-th, or the end if that comes before it, leaves out 5% / k(k + 1),
    together at most 5% for independent samples.
    """
    sample = _sampler(device)
    repeats = {}
    for name, call in calls.items():
        for _ in range(WARM_UPS):
            call()
        once = sample(call, 1)
        repeats[name] = max(1, min(1000, round(SAMPLE_SECONDS[device.type] / max(once, 1e-9))))
    samples: dict[str, list[float]] = {name: [] for name in calls}
    names, order = list(calls), np.random.default_rng(0)
    stopped: Stop = "rounds"
    looks, look_at = 1, FIRST_LOOK
    before, started = read_conditions(device), time.perf_counter()
    for done in range(most_rounds):
        if done >= LEAST_ROUNDS and time.perf_counter() - started > seconds:
            stopped = "time"
            break
        if enough is not None and done == look_at:
            if enough(samples, _left_out(looks)):
                stopped = "enough"
                break
            looks, look_at = looks + 1, 2 * look_at
        for index in order.permutation(len(names)):
            name = names[index]
            samples[name].append(sample(calls[name], repeats[name]))
    left_out = LEFT_OUT if enough is None else _left_out(looks)
    timings = {name: _timing(values, left_out) for name, values in samples.items()}
    return Interleaved(timings=timings, stopped=stopped, before=before, after=read_conditions(device))


def precise(share: float) -> Enough:
    """The interval of each call's median is no wider than that share of it."""

    def is_precise(samples: Mapping[str, Sequence[float]], left_out: float) -> bool:
        intervals = {name: median_interval(values, left_out) for name, values in samples.items()}
        return all(high - low <= share * float(np.median(samples[name])) for name, (low, high) in intervals.items())

    return is_precise


def told(baseline: str) -> Enough:
    """Of each call it can be told whether it is faster than the baseline, slower or the same (`compare`)."""

    def is_told(samples: Mapping[str, Sequence[float]], left_out: float) -> bool:
        others = [values for name, values in samples.items() if name != baseline]
        return all(_verdict(_calm_ratio(samples[baseline], values, left_out)) != UNTOLD for values in others)

    return is_told


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
    """The median of a baseline's time to another's, over the rounds in which neither was interrupted.

    An interruption makes a call of a millisecond several times as long, so that the ratios of rounds fall into three
    heaps, of which the outer two say nothing of the calls and widen the interval of the median. A sample counts as
    interrupted from 1.5 times the lower quartile of its call on; with fewer than 6 rounds left nothing can be told.
    """
    found = _calm_ratio(baseline.samples, times.samples, min(times.left_out, baseline.left_out))
    return Comparison(ratio=found.ratio, low=found.low, high=found.high, verdict=_verdict(found))


def _calm_ratio(first: Sequence[float], second: Sequence[float], left_out: float) -> Ratio:
    both = np.array([first, second])
    calm = np.all(both < DISTURBED * np.quantile(both, 0.25, axis=1, keepdims=True), axis=0)
    if calm.sum() < LEAST_CALM_ROUNDS:
        return replace(paired_ratio(first, second, left_out), low=0.0, high=math.inf)
    return paired_ratio(both[0, calm].tolist(), both[1, calm].tolist(), left_out)


def _verdict(found: Ratio) -> str:
    if found.low > 1 + TOLERANCE:
        return "faster"
    if found.high < 1 / (1 + TOLERANCE):
        return "slower"
    return "same" if found.low > 1 / (1 + TOLERANCE) and found.high < 1 + TOLERANCE else UNTOLD


def _left_out(look: int) -> float:
    return LEFT_OUT / (look * (look + 1))


def _timing(samples: Sequence[float], left_out: float) -> Timing:
    p10, p50, p90 = (float(value) for value in np.quantile(samples, (0.1, 0.5, 0.9)))
    low, high = median_interval(samples, left_out)
    return Timing(p10=p10, p50=p50, p90=p90, low=low, high=high, samples=tuple(samples), left_out=left_out)


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
