"""Whether `harness.kernels.timing` says what others' timers say of the same calls, in one run and in turn.

    python benchmarks/instrument.py

Beside `torch.utils.benchmark.Timer(...).blocked_autorange`, and on a GPU `triton.testing.do_bench`, for a short, a
middling and a long call. Prints the median of the rounds' ratios of medians, ours to theirs, with quartiles: 0.97 to
1.03 is the aim. Torch's timer averages short calls over tens of milliseconds, so that on a machine that others use
nearly every average has their time in it, where ours over one millisecond have not: there, the ratio of the least
medians says more.
The GPU's part is written and was never run.
"""

from __future__ import annotations

import argparse
import os
import statistics
from collections.abc import Callable

import torch
from torch.utils.benchmark import Timer

from harness.kernels.timing import Call, interleaved
from harness.planning.resolution import resolve_device

Timed = Callable[[Call], float]


def calls(device: torch.device) -> dict[str, Call]:
    """Elementwise addition of little, and two matrix products."""
    small, large = (torch.randn(size, size, device=device) for size in (192, 640))
    vector = torch.randn(4096, device=device)
    return {
        "add, 4,096": lambda: vector + vector,
        "matrix product, 192": lambda: small @ small,
        "matrix product, 640": lambda: large @ large,
    }


def timers(device: torch.device, seconds: float) -> dict[str, Timed]:
    """Median seconds of a call by each timer that the device has; ours first."""
    found: dict[str, Timed] = {
        "harness": lambda call: interleaved({"it": call}, device, seconds, most_rounds=1000)["it"].p50,
        "torch.utils.benchmark": lambda call: by_torch(call, seconds),
    }
    if device.type == "cuda":
        found["triton.testing.do_bench"] = lambda call: by_triton(call, seconds)
    return found


def by_torch(call: Call, seconds: float) -> float:
    timer = Timer("call()", globals={"call": call}, num_threads=torch.get_num_threads())
    return timer.blocked_autorange(min_run_time=seconds).median


def by_triton(call: Call, seconds: float) -> float:
    from triton.testing import do_bench

    return float(do_bench(call, rep=round(1000 * seconds), return_mode="median")) / 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.3, help="About how long each timer takes at a time.")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    device = torch.device(resolve_device("auto")[0])
    print(f"on {device}, load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for name, call in calls(device).items():
        medians: dict[str, list[float]] = {timer: [] for timer in timers(device, arguments.seconds)}
        for number in range(arguments.rounds):
            order = list(timers(device, arguments.seconds).items())
            for timer, timed in order if number % 2 else reversed(order):
                medians[timer].append(timed(call))
        ours = medians.pop("harness")
        for timer, theirs in medians.items():
            ratios = [own / other for own, other in zip(ours, theirs, strict=True)]
            low, middle, high = statistics.quantiles(ratios, n=4)
            least = min(ours) / min(theirs)
            print(
                f"{name}: {statistics.median(ours) * 1e6:.1f} us, by {timer} {statistics.median(theirs) * 1e6:.1f} us; "
                f"ratio {middle:.3f}, quartiles {low:.3f} to {high:.3f}, of the least {least:.3f}"
            )


if __name__ == "__main__":
    main()
