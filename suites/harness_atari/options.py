"""The options of the acting tasks."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from harness_atari.emulator import is_installed, refuse_unknown
from harness_atari.protocols import PROTOCOLS, Protocol
from harness_data.measuring import MeasuringOptions, Points
from harness_data.options import Options

LEAST_CAP = 200
"""Frames of the shortest game that the options can ask for; longer than what any protocol begins with."""


def _existing(game: str) -> str:
    # Without ale-py nobody knows the names; the trial then says what to install.
    if is_installed():
        refuse_unknown(game)
    return game


Game = Annotated[str, AfterValidator(_existing)]
GAME = "game of ale-py in lower case with underscores, such as space_invaders"


class ActingOptions(Options):
    """What every acting task has."""

    num_envs: int = Field(4, gt=0, description="environments in which the agent learns at once")
    overlap: bool = Field(
        False,
        description="environments step while the agent learns, which then acts by what it knew a round before",
    )
    evaluation_episodes: int = Field(20, gt=0, description="whole episodes that test plays")
    evaluation_epsilon: float = Field(
        0.0, ge=0, le=1, description="probability of any action in place of the best, while tested"
    )
    validation_episodes: int = Field(5, gt=0, description="whole episodes that validation plays, from other starts")
    reference_episodes: int = Field(
        2, ge=0, description="episodes of random play and of each action held for ever; 0 plays none"
    )
    held_out_states: int = Field(256, gt=0, description="states of random play whose largest values are averaged")

    def epsilon(self) -> float:
        """The probability of any action in place of the best, while tested."""
        return self.evaluation_epsilon

    def episodes(self) -> int:
        """The number of episodes that test plays."""
        return self.evaluation_episodes


class CartPoleOptions(ActingOptions):
    """The pole on the cart."""


class ChainOptions(ActingOptions):
    """The chain with known values."""

    num_states: int = Field(10, gt=1, description="states from one end to the other")


class AtariOptions(ActingOptions):
    """Which game, and under which protocol."""

    game: Game = Field("pong", description=GAME)
    protocol: Literal["dqn2013", "nature2015", "machado2018"] = Field(
        "nature2015", description="what surrounds the agent; scores of different protocols are not comparable"
    )
    size: int = Field(84, ge=36, le=160, description="side in pixels of what the agent sees")
    path: Literal["vector", "wrappers"] = Field(
        "vector", description="ale-py's environments in C++, or gymnasium's frame by frame: the same, slowly"
    )
    evaluation_episodes: int = Field(0, ge=0, description="whole games that test plays; 0 is the protocol's number")
    evaluation_epsilon: float = Field(
        -1.0, ge=-1, le=1, description="probability of any action while tested; -1 is the protocol's"
    )
    frame_cap: int = Field(
        0,
        ge=0,
        description="frames after which a game is cut, which leaves no printed score to compare with; 0 is the "
        "protocol's number",
    )

    @model_validator(mode="after")
    def _cap_leaves_a_game(self) -> AtariOptions:
        if 0 < self.frame_cap < LEAST_CAP:
            raise ValueError(
                f"frame_cap={self.frame_cap} cuts a game before it begins; give {LEAST_CAP} or more, or 0 for the "
                "protocol's number"
            )
        return self

    def surroundings(self) -> Protocol:
        """The protocol with what the options change about it."""
        protocol = PROTOCOLS[self.protocol]
        return replace(protocol, frame_cap=self.frame_cap or protocol.frame_cap)

    def epsilon(self) -> float:
        epsilon = self.evaluation_epsilon
        return PROTOCOLS[self.protocol].evaluation_epsilon if epsilon < 0 else epsilon

    def episodes(self) -> int:
        return self.evaluation_episodes or PROTOCOLS[self.protocol].evaluation_episodes


class ThroughputOptions(MeasuringOptions):
    """In how many environments of which game an agent acts."""

    game: Game = Field("pong", description=GAME)
    protocol: Literal["dqn2013", "nature2015", "machado2018"] = Field("nature2015", description="what surrounds it")
    size: int = Field(84, ge=36, le=160, description="side in pixels of what the agent sees")
    environments: Points = Field((1, 2, 4, 8, 16), description="environments at once, growing")
    ceilings: bool = Field(False, description="measure what the device can do at most, and the share of it")
