"""What the fit loop costs: its time a step over that of a bare PyTorch loop around the same training step.

    python benchmarks/fit_loop.py --step-milliseconds 5

Both loops take batches from the same generator, run the same learner, and are interleaved in one process; the printed
figure is the median of the ratios of neighbouring rounds.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import time

import torch
from torch import nn

from harness.interfaces import Budget, TokenBatch, Training
from harness.runtime.fitting import fit
from harness.runtime.learning import DefaultTokenLearner


def network(width: int) -> nn.Module:
    return nn.Sequential(nn.Embedding(32, width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, 32))


def learner(width: int) -> DefaultTokenLearner:
    torch.manual_seed(0)
    return DefaultTokenLearner(network(width), training=Training(learning_rate=1e-3), steps=10**6)


def batch() -> TokenBatch:
    tokens = torch.randint(0, 32, (32, 64), generator=torch.Generator().manual_seed(0))
    return TokenBatch(inputs=tokens, targets=tokens.roll(-1, dims=1))


def bare(subject: DefaultTokenLearner, steps: int) -> float:
    batches = itertools.repeat(batch())
    started = time.perf_counter()
    for _ in range(steps):
        subject.train_step(next(batches))
    return (time.perf_counter() - started) / steps


def fitted(subject: DefaultTokenLearner, steps: int) -> float:
    batches = itertools.repeat(batch())
    started = time.perf_counter()
    fit(
        subject,
        batches,
        budget=Budget(steps=steps),
        record=lambda step, values: None,
        count=lambda one: (len(one.inputs), one.inputs.numel()),
    )
    return (time.perf_counter() - started) / steps


def width_for(milliseconds: float) -> int:
    """The smallest width whose training step takes at least that long."""
    width = 16
    bare(learner(width), 10)  # the first optimizer imports half of torch
    while bare(learner(width), 10) * 1e3 < milliseconds:
        width += 16
    return width


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--step-milliseconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--steps", type=int, default=100)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    width = width_for(arguments.step_milliseconds)
    one, other = learner(width), learner(width)
    ratios, steps = [], []
    for index in range(arguments.rounds):
        if index % 2:
            first, second = bare(one, arguments.steps), fitted(other, arguments.steps)
        else:
            second, first = fitted(other, arguments.steps), bare(one, arguments.steps)
        ratios.append(second / first)
        steps.append(first)
    low, middle, high = statistics.quantiles(ratios, n=4)
    print(f"bare step {statistics.median(steps) * 1e3:.2f} ms (width {width})")
    print(f"fit loop / bare loop: median {middle:.4f} of {len(ratios)}, quartiles {low:.4f} to {high:.4f}")


if __name__ == "__main__":
    main()
