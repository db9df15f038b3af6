"""What the adapter costs: the steps a second of our environments over those of ale-py's vector environment driven bare.

    python benchmarks/atari_throughput.py --game pong --num-envs 8

Both play the same actions with the same settings and threads, interleaved in one process; the printed figure is the
median of the ratios of neighbouring rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any, Protocol

import numpy as np

from harness_atari.atari_vector import AtariVector, open_games
from harness_atari.protocols import PROTOCOLS


class Steppable(Protocol):
    def step(self, actions: np.ndarray) -> Any: ...


def rate(games: Steppable, actions: np.ndarray) -> float:
    """Steps a second, over all environments."""
    started = time.perf_counter()
    for chosen in actions:
        games.step(chosen)
    return actions.size / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--game", default="breakout")
    parser.add_argument("--protocol", choices=list(PROTOCOLS), default="nature2015")
    parser.add_argument("--num-envs", type=int, default=8)
    parser.add_argument("--size", type=int, default=84)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--steps", type=int, default=50)
    given = parser.parse_args()
    protocol = PROTOCOLS[given.protocol]
    settings = {"num_envs": given.num_envs, "size": given.size, "lives_count": True, "threads": given.threads}
    ours = AtariVector(given.game, protocol, seed=0, **settings)
    theirs = open_games(given.game, protocol, **settings)
    ours.reset()
    theirs.reset(seed=0)
    generator = np.random.default_rng(0)
    ratios, rates = [], []
    for index in range(given.rounds + 1):
        actions = generator.integers(ours.data.num_actions, size=(given.steps, given.num_envs))
        # Each goes first in turn; both have seen the same actions before.
        order = (ours, theirs) if index % 2 else (theirs, ours)
        speeds = {id(games): rate(games, actions) for games in order}
        # The first round warms up.
        if index:
            ratios.append(speeds[id(ours)] / speeds[id(theirs)])
            rates.append(speeds[id(ours)])
    low, middle, high = statistics.quantiles(ratios, n=4)
    frames = statistics.median(rates) * protocol.skip(given.game)
    print(
        f"{given.game} {given.protocol}, {given.num_envs} environments, {given.threads} threads: "
        f"{statistics.median(rates):.0f} steps/s, {frames:.0f} frames/s, "
        f"{middle:.3f} of ale-py's own (median of {given.rounds}, quartiles {low:.3f} to {high:.3f})"
    )


if __name__ == "__main__":
    main()
