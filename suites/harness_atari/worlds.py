"""What a task is about: it opens environments, and knows what is known of them without playing."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib import resources
from typing import Literal, Protocol

from harness.interfaces import ActingData
from harness_atari import protocols
from harness_atari.atari_vector import AtariVector
from harness_atari.atari_wrapped import AtariWrapped
from harness_atari.chain import Chain
from harness_atari.classic_control import ClassicControl
from harness_atari.emulator import count_actions, name_actions
from harness_atari.episodes import Environments


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A game's scores of random play and of a person, in the protocol of up to 30 no-ops."""

    random: float
    human: float


class World(Protocol):
    """One kind of environment with its rules."""

    @property
    def frames_per_step(self) -> int:
        """The emulator's frames in one step of the agent; 1 where there are none."""
        ...

    def describe(self) -> ActingData:
        """What an agent is built for."""
        ...

    def actions(self) -> tuple[str, ...]:
        """What each action is called."""
        ...

    def open(self, *, num_envs: int, seed: int, learning: bool, threads: int) -> Environments:
        """Environments whose episodes `seed` determines; for `learning`, a lost life may end the future."""
        ...

    def published(self) -> Published | None:
        """Printed scores, where there are any."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class AtariWorld:
    """A game under a protocol."""

    game: str
    protocol: protocols.Protocol
    size: int
    path: Literal["vector", "wrappers"]
    whole_games: bool = True

    @property
    def frames_per_step(self) -> int:
        return self.protocol.skip(self.game)

    def describe(self) -> ActingData:
        num_actions = count_actions(self.game, all_actions=self.protocol.all_actions)
        return ActingData(num_actions=num_actions, shape=(self.protocol.stack, self.size, self.size), pixels=True)

    def actions(self) -> tuple[str, ...]:
        return name_actions(self.game, all_actions=self.protocol.all_actions)

    def open(self, *, num_envs: int, seed: int, learning: bool, threads: int) -> Environments:
        if self.path == "wrappers":
            return AtariWrapped(
                self.game, self.protocol, num_envs=num_envs, size=self.size, seed=seed, lives_count=learning
            )
        return AtariVector(
            self.game,
            self.protocol,
            num_envs=num_envs,
            size=self.size,
            seed=seed,
            lives_count=learning,
            threads=threads,
        )

    def published(self) -> Published | None:
        # They are of whole games; of a part nobody printed any.
        return published_scores().get(self.game) if self.whole_games else None


@dataclass(frozen=True, kw_only=True, slots=True)
class CartPoleWorld:
    """A pole to be balanced on a cart for up to 500 steps, each of reward 1."""

    frames_per_step: int = 1

    def describe(self) -> ActingData:
        return ActingData(num_actions=2, shape=(4,), pixels=False)

    def actions(self) -> tuple[str, ...]:
        return ("left", "right")

    def open(self, *, num_envs: int, seed: int, learning: bool, threads: int) -> Environments:
        return ClassicControl("CartPole-v1", num_envs=num_envs, seed=seed)

    def published(self) -> Published | None:
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChainWorld:
    """The chain of `harness_atari.chain`."""

    num_states: int
    frames_per_step: int = 1

    def describe(self) -> ActingData:
        return ActingData(num_actions=2, shape=(self.num_states,), pixels=False)

    def actions(self) -> tuple[str, ...]:
        return ("left", "right")

    def open(self, *, num_envs: int, seed: int, learning: bool, threads: int) -> Environments:
        return Chain(self.num_states, num_envs=num_envs, seed=seed)

    def published(self) -> Published | None:
        return None


def published_scores() -> dict[str, Published]:
    """The printed scores of the 57 games, by name."""
    with (resources.files("harness_atari") / "reference_scores.csv").open(encoding="utf-8") as file:
        return {
            row["game"]: Published(random=float(row["random"]), human=float(row["human"]))
            for row in csv.DictReader(file)
        }
