"""The tasks of the suite, from their options."""

from __future__ import annotations

from harness_atari.acting_task import ActingTask
from harness_atari.options import AtariOptions, CartPoleOptions, ChainOptions, ThroughputOptions
from harness_atari.protocols import PROTOCOLS
from harness_atari.throughput import ThroughputTask
from harness_atari.worlds import AtariWorld, CartPoleWorld, ChainWorld


def atari(options: AtariOptions) -> ActingTask:
    """Play a game."""
    world = AtariWorld(
        game=options.game,
        protocol=options.surroundings(),
        size=options.size,
        path=options.path,
        whole_games=options.frame_cap == 0,
    )
    return ActingTask(world=world, options=options)


def cartpole(options: CartPoleOptions) -> ActingTask:
    """Balance a pole."""
    return ActingTask(world=CartPoleWorld(), options=options)


def chain(options: ChainOptions) -> ActingTask:
    """Walk to the end of a chain."""
    return ActingTask(world=ChainWorld(num_states=options.num_states), options=options)


def environment_throughput(options: ThroughputOptions) -> ThroughputTask:
    """Act in a growing number of environments of a game."""
    world = AtariWorld(game=options.game, protocol=PROTOCOLS[options.protocol], size=options.size, path="vector")
    return ThroughputTask(world=world, options=options)
