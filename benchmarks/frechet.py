"""What the Fréchet distance costs: ours against that of torchmetrics on the same features, in time and memory.

    python benchmarks/frechet.py --widths 64 512 2048

Both read two sets of 10,000 float32 features in batches of 500 on one thread and give a distance. Rounds are
interleaved in one process, narrow features repeated within one; the figures are medians and the quartiles of the
rounds' ratios. Memory is by how much the resident memory of a fresh process rises, looked at every millisecond.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import threading
import time
import warnings
from collections.abc import Callable

import psutil
import torch
from torch import Tensor, nn

from harness_generative.feature_statistics import FeatureStatistics
from harness_generative.frechet_distance import frechet_distance

COUNT, BATCH = 10_000, 500
Distance = Callable[[Tensor, Tensor], float]


class Unchanged(nn.Module):
    """Gives features as they come."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_features = width

    def forward(self, features: Tensor) -> Tensor:
        return features


def ours(real: Tensor, generated: Tensor) -> float:
    both = []
    for features in (real, generated):
        both.append(FeatureStatistics.empty(features.shape[1]))
        for batch in features.split(BATCH):
            both[-1].update(batch)
    return frechet_distance(*both)


def theirs(real: Tensor, generated: Tensor) -> float:
    from torchmetrics.image.fid import FrechetInceptionDistance

    metric = FrechetInceptionDistance(feature=Unchanged(real.shape[1]), normalize=True)
    for features, is_real in ((real, True), (generated, False)):
        for batch in features.split(BATCH):
            metric.update(batch, real=is_real)
    return float(metric.compute())


DISTANCES: dict[str, Distance] = {"ours": ours, "torchmetrics": theirs}


def sets(width: int) -> tuple[Tensor, Tensor]:
    """Two sets of correlated, rectified features."""
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(width, width, generator=generator) / width**0.5
    real, generated = (torch.randn(COUNT, width, generator=generator) for _ in range(2))
    return (real @ mixing).relu_(), (generated @ mixing + 0.1).relu_()


def timed(distance: Distance, real: Tensor, generated: Tensor) -> tuple[float, float]:
    """Seconds and the distance."""
    repeats = max(1, 1024 // real.shape[1])
    started = time.perf_counter()
    for _ in range(repeats):
        value = distance(real, generated)
    return (time.perf_counter() - started) / repeats, value


def growth(name: str, width: int) -> float:
    """By how many MiB the memory of this process rises; the library is warm from a small case."""
    torch.set_num_threads(1)
    real, generated = sets(width)
    DISTANCES[name](real[:, :8].contiguous(), generated[:, :8].contiguous())
    process, done = psutil.Process(), threading.Event()
    seen = [process.memory_info().rss]

    def look() -> None:
        while not done.wait(0.001):
            seen.append(process.memory_info().rss)

    watcher = threading.Thread(target=look)
    watcher.start()
    DISTANCES[name](real, generated)
    done.set()
    watcher.join()
    return float(max(seen) - seen[0]) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--widths", type=int, nargs="+", default=[64, 512, 2048])
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning, module="torchmetrics")
    torch.set_num_threads(1)
    for width in arguments.widths:
        both = sets(width)
        for distance in DISTANCES.values():
            distance(both[0][:, :8].contiguous(), both[1][:, :8].contiguous())
        rounds = []
        for index in range(arguments.rounds):
            order = list(DISTANCES)[:: 1 if index % 2 else -1]
            rounds.append({name: timed(DISTANCES[name], *both) for name in order})
        seconds = {name: statistics.median(one[name][0] for one in rounds) for name in DISTANCES}
        low, middle, high = statistics.quantiles([one["ours"][0] / one["torchmetrics"][0] for one in rounds], n=4)
        with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
            memory = {name: pool.apply(growth, (name, width)) for name in DISTANCES}
        print(f"{COUNT} + {COUNT} features of width {width}, {arguments.rounds} rounds:")
        for name in DISTANCES:
            print(f"  {name:12} {rounds[0][name][1]:.6f}  {seconds[name]:.3f} s  peak + {memory[name]:.0f} MiB")
        print(
            f"  ours / torchmetrics: {seconds['ours'] / seconds['torchmetrics']:.3f} of the medians; "
            f"rounds {middle:.3f}, quartiles {low:.3f} to {high:.3f}"
        )


if __name__ == "__main__":
    main()
