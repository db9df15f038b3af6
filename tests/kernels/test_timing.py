"""What is said of two times is what their samples allow, however often they were looked at."""

import itertools
import os
import time
from collections import Counter

import numpy as np
import psutil
import pytest
import torch

from harness.kernels import timing as instrument
from harness.kernels.conditions import Conditions, read_conditions
from harness.kernels.costs import Ceilings, Work, floor
from harness.kernels.timing import Timing, compare, interleaved, precise, told
from harness.machine import available_cpus
from harness.scaling import fit_power_law, local_slopes, median_interval, paired_ratio

CPU = torch.device("cpu")


def timing(samples, left_out=0.05):
    p10, p50, p90 = np.quantile(samples, (0.1, 0.5, 0.9))
    low, high = median_interval(samples, left_out)
    return Timing(p10=p10, p50=p50, p90=p90, low=low, high=high, samples=tuple(samples), left_out=left_out)


def noisy(factor, seed, noise=0.05, rounds=40):
    """Samples around a factor, with a drift that both calls of a round share."""
    drift = np.random.default_rng(7).uniform(0.5, 2.0, rounds)
    return timing(factor * drift * (1 + noise * np.random.default_rng(seed).standard_normal(rounds)))


def shared_machine(factor, generator, rounds):
    """Samples as on a machine with neighbours: a twentieth of them is slower by half at least."""
    samples = factor * np.exp(0.03 * generator.standard_normal(rounds))
    return samples * np.where(generator.random(rounds) < 0.05, generator.uniform(1.5, 3.0, rounds), 1.0)


def simulated(factor, number):
    """Verdict on a call of so many times the cost, with the looks of `interleaved` and its most rounds."""
    generator = np.random.default_rng(number)
    drift = generator.uniform(0.7, 1.4, 256)
    samples = {"a": drift * shared_machine(1.0, generator, 256), "b": drift * shared_machine(factor, generator, 256)}
    ends = (so_far(samples, rounds, look) for look, rounds in enumerate((8, 16, 32, 64, 128, 256), start=1))
    found, left_out = next(end for end in ends if told("a")(*end) or len(end[0]["a"]) == 256)
    return compare(timing(found["b"], left_out), timing(found["a"], left_out)).verdict


def so_far(samples, rounds, look):
    return {name: values[:rounds].tolist() for name, values in samples.items()}, 0.05 / (look * (look + 1))


@pytest.mark.parametrize("seed", range(20))
def test_a_call_against_itself_is_never_faster_or_slower(seed):
    assert compare(noisy(1.0, seed, noise=0.02), noisy(1.0, seed + 100, noise=0.02)).verdict in ("same", "cannot tell")


@pytest.mark.parametrize(
    ("factor", "verdict", "least"), [(1.0, "same", 95), (1.1, "slower", 90), (0.9, "faster", 90)], ids=str
)
def test_verdicts_on_a_noisy_machine_are_right(factor, verdict, least):
    verdicts = Counter(simulated(factor, number) for number in range(100))
    assert verdicts[verdict] >= least, verdicts


def test_a_difference_within_noise_of_the_tolerance_cannot_be_told():
    verdicts = Counter(simulated(1.03, number) for number in range(100))
    assert verdicts["cannot tell"] >= 85
    assert verdicts["faster"] == 0


@pytest.mark.parametrize(("factor", "verdict"), [(1.3, "slower"), (0.7, "faster")])
def test_a_large_difference_is_told_in_spite_of_drift(factor, verdict):
    found = compare(noisy(factor, 1), noisy(1.0, 2))
    assert found.verdict == verdict
    assert found.low < 1 / factor < found.high


def test_few_and_noisy_rounds_cannot_tell():
    assert compare(noisy(1.05, 1, noise=0.3, rounds=7), noisy(1.0, 2, noise=0.3, rounds=7)).verdict == "cannot tell"


def test_interruptions_do_not_widen_what_calm_rounds_tell():
    generator = np.random.default_rng(0)
    slow = np.where(generator.random((2, 400)) < 0.3, 5.0, 1.0)
    first, second = np.exp(0.05 * generator.standard_normal((2, 400))) * slow
    every, calm = paired_ratio(first, second), compare(timing(second), timing(first))
    # Of n rounds a share q is calm: the interval of the median is as wide as 1 / (q sqrt(n)), of the calm 1 / sqrt(qn).
    assert (calm.high - calm.low) / (every.high - every.low) == pytest.approx(0.7, abs=0.12)
    assert calm.low < 1 < calm.high


def test_too_few_calm_rounds_tell_nothing():
    first, second = [1.0] * 4 + [5.0] * 6, [5.0] * 6 + [1.0] * 4
    assert compare(timing(first), timing(second)).verdict == "cannot tell"


def test_five_rounds_leave_everything_possible():
    assert median_interval([1.0] * 5) == (0.0, float("inf"))
    assert compare(timing([1.0] * 5), timing([1.0] * 5)).verdict == "cannot tell"


@pytest.mark.parametrize(("rounds", "expected"), [(6, (1, 6)), (7, (1, 7)), (8, (1, 8)), (9, (2, 8)), (20, (6, 15))])
def test_the_interval_of_a_median_has_the_ranks_of_the_tables(rounds, expected):
    # Ranks of the 95% interval from the binomial distribution, as statistics books tabulate them.
    assert median_interval(range(1, rounds + 1)) == expected


def test_a_ratio_needs_pairs():
    with pytest.raises(ValueError, match="rounds are paired"):
        paired_ratio([1.0, 2.0], [1.0])


@pytest.mark.parametrize(("looking", "least"), [(True, 0.95), (False, 0.95)], ids=["with looks", "one look"])
def test_the_median_is_missed_at_most_as_often_as_said(looking, least, monkeypatch):
    found = [ended(number, looking, monkeypatch) for number in range(400)]
    # 400 draws: the standard error is about one in a hundred.
    assert np.mean([timing.low <= 1.0 <= timing.high for timing in found]) >= least - 0.02
    assert len({len(timing.samples) for timing in found}) == (4 if looking else 1)


def ended(number, looking, monkeypatch):
    generator = np.random.default_rng(number)
    monkeypatch.setattr(instrument, "_sampler", lambda device: lambda call, repeats: call())
    call = lambda: float(np.exp(0.1 * generator.standard_normal()))  # noqa: E731
    enough = precise(0.1) if looking else None
    return interleaved({"it": call}, CPU, 60.0, enough=enough, most_rounds=64)["it"]


def test_stopping_at_the_first_narrow_interval_would_miss_too_often():
    """What the looks are for: an interval looked at after every round misses more than 7 in 100."""
    generator = np.random.default_rng(0)
    missed = 0
    for samples in np.exp(0.1 * generator.standard_normal((300, 64))):
        intervals = (median_interval(samples[:rounds].tolist()) for rounds in range(8, 65))
        low, high = next((pair for pair in intervals if pair[1] - pair[0] < 0.06), (1.0, 1.0))
        missed += not low <= 1.0 <= high
    assert missed > 0.07 * 300


def test_calls_take_turns():
    order = []
    calls = {name: lambda name=name: order.append(name) or torch.zeros(200_000).sum() for name in ("a", "b")}
    times = interleaved(calls, CPU, 0.05)
    assert len(times["a"].samples) == len(times["b"].samples) >= 7
    assert order.index("b") < len(order) - order[::-1].index("a")


def test_neither_call_always_comes_first():
    order = []
    calls = {name: lambda name=name: (order.append(name), time.sleep(0.002)) for name in ("a", "b")}
    interleaved(calls, CPU, 60.0, most_rounds=20)
    firsts = Counter(order[-40::2])
    assert min(firsts["a"], firsts["b"]) >= 4


@pytest.mark.parametrize(
    ("options", "seconds", "stopped"),
    [
        ({"enough": lambda samples, left_out: True}, 60.0, "enough"),
        ({}, 0.0, "time"),
        ({"most_rounds": 9}, 60.0, "rounds"),
    ],
    ids=["enough", "time", "rounds"],
)
def test_the_reason_of_the_end_is_said(options, seconds, stopped):
    times = interleaved({"sleep": lambda: time.sleep(0.001)}, CPU, seconds, **options)
    assert times.stopped == stopped
    assert len(times["sleep"].samples) == {"enough": 8, "time": 7, "rounds": 9}[stopped]


def test_a_steady_call_is_precise_soon():
    assert precise(0.02)({"a": [1.0, 1.001] * 4}, 0.05)
    assert not precise(0.02)({"a": [1.0, 1.001] * 4, "b": [1.0, 1.1] * 4}, 0.05)


def test_conditions_are_read_before_and_after():
    times = interleaved({"nothing": lambda: None}, CPU, 0.0)
    load, clock = times.before.load, times.before.cpu_megahertz
    assert load is None or 0 <= load < 10_000
    assert clock is None or 1 < clock < 100_000
    assert isinstance(times.after, Conditions)


@pytest.mark.parametrize("answer", [None, NotImplementedError, FileNotFoundError], ids=str)
def test_a_machine_without_a_clock_to_read_has_none(answer, monkeypatch):
    def cpu_freq():
        if answer is not None:
            raise answer

    monkeypatch.setattr(psutil, "cpu_freq", cpu_freq)
    assert read_conditions(CPU).cpu_megahertz is None


SLOPES = {0.0: lambda x: 1.0, 1.0: lambda x: x, 1.5: lambda x: x**1.5, 2.0: lambda x: x**2}


@pytest.mark.parametrize("exponent", SLOPES)
def test_calls_of_known_cost_have_the_slope_that_they_were_given(exponent):
    """Sleeps of 1 ms times a law, and a floor of 1 ms: from the clock to the exponent."""
    points = (1.0, 2.0, 4.0, 6.0)
    seconds = {x: 1e-3 * (1 + SLOPES[exponent](x)) for x in points}
    calls = {str(x): lambda x=x: time.sleep(seconds[x]) for x in points}
    times = interleaved(calls, CPU, 60.0, most_rounds=12)
    runs = [{x: times[str(x)].samples for x in points}]
    expected = [np.log(seconds[b] / seconds[a]) / np.log(b / a) for a, b in itertools.pairwise(points)]
    # A sleep is late by a tenth of a millisecond or so, which a floor takes up but a slope does not.
    assert [found.slope for found in local_slopes(runs)] == pytest.approx(expected, abs=0.12)
    law = fit_power_law(runs)
    assert law.reason or law.low - 0.05 <= exponent <= law.high + 0.05


BUSY = 2.0
"""Processes that wait for each core, beyond which no verdict on calls of a millisecond can be had."""


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(
    os.getloadavg()[0] > BUSY * available_cpus(), reason="the machine is busy: more than two processes a core"
)
@pytest.mark.parametrize("kind", ["sleep", "matmul"])
def test_verdicts_on_this_machine_are_right(kind):
    """A/A is the same 95 times of 100 and a call of 10% more work slower 90 times, with whatever noise there is now."""
    verdicts = {"again": Counter(), "more": Counter()}
    for _ in range(100):
        times = interleaved(of_known_cost(kind), CPU, 5.0, enough=told("once"), most_rounds=4000)
        verdicts["again"][compare(times["again"], times["once"]).verdict] += 1
        verdicts["more"][compare(times["more"], times["once"]).verdict] += 1
    assert verdicts["again"]["same"] >= 95, verdicts
    assert verdicts["more"]["slower"] >= 90, verdicts


def of_known_cost(kind):
    """A call, the same again, and one of a tenth more."""
    if kind == "sleep":
        return {name: lambda s=s: time.sleep(s) for name, s in (("once", 1e-3), ("again", 1e-3), ("more", 1.12e-3))}
    weights = torch.randn(256, 256)
    # The same memory for both: where a matrix lies may alone make a difference of some percent.
    inputs, longer = torch.randn(400, 256), torch.randn(440, 256)
    return {"once": lambda: inputs @ weights, "again": lambda: inputs @ weights, "more": lambda: longer @ weights}


def test_the_floor_is_the_slowest_term():
    ceilings = Ceilings(
        bytes_per_second=100.0, matrix_flops_per_second=1000.0, flops_per_second=10.0, exponentials_per_second=1.0,
        launch_seconds=0.5,
    )  # fmt: skip
    assert floor(Work(bytes=200.0, matrix_flops=500.0), ceilings) == (2.0, "memory")
    assert floor(Work(bytes=1.0, exponentials=3.0), ceilings) == (3.0, "exp")
    assert floor(Work(bytes=1.0), ceilings) == (0.5, "launch")
