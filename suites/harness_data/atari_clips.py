"""Clips of Atari games that are played at random."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Literal

import numpy as np
from pydantic import Field

from harness.errors import DataError
from harness.interfaces import Array, BuiltDataset, Streams
from harness.specs import Tier
from harness_data.arcade import SKIP, Arcade, describe_emulator
from harness_data.frame_squares import FrameSquare
from harness_data.options import Options

LONGEST_START = 60
"""Random steps before an episode's first clip, at most, so that episodes do not all begin alike."""

PATIENCE = 30
"""Episodes in a row without a new clip after which a game is given up."""


class AtariClipsConfig(Options):
    """Which game, how long and large the clips are, and how many of them there are."""

    game: str = Field("pong", description="game of ale-py in lower case with underscores, such as space_invaders")
    frames: int = Field(16, description=f"frames of a clip; each is {SKIP} of the game", gt=0)
    size: int = Field(32, description="side of a frame in pixels; the whole screen is squeezed into it", gt=0)
    channels: Literal[1, 3] = Field(1, description="1 for grey, or 3 colours")
    clips_per_episode: int = Field(20, description="clips from one episode, at most; they follow each other", gt=0)
    seed: int = Field(0, description="seed of the emulator and of the actions", ge=0)
    num_train: int = Field(2_000, description="training clips", gt=0)
    num_validation: int = Field(200, description="validation clips", gt=0)
    num_test: int = Field(500, description="test clips", gt=0)

    @property
    def square(self) -> FrameSquare:
        """What every screen becomes."""
        return FrameSquare(size=self.size, channels=self.channels)


def fingerprint(config: AtariClipsConfig) -> str:
    """The emulator's version."""
    return describe_emulator()


def build(config: AtariClipsConfig, streams: Streams) -> BuiltDataset:
    """`videos` uint8 [N, frames, size, size], with a last axis of 3 for colours, and `labels` [N], which are 0.

    Splits have episodes of their own, and no clip of one is also in another. Clips are shuffled, so that the first of
    them are of many episodes.
    """
    counts = {"test": config.num_test, "validation": config.num_validation, "train": config.num_train}
    elsewhere: set[bytes] = set()
    splits = {}
    for split, count in counts.items():
        generator = streams.numpy(f"atari {split} {config.seed}")
        videos = _clips(config, count, generator, elsewhere)
        elsewhere |= {_digest(video) for video in videos}
        splits[split] = {"videos": videos[generator.permutation(count)], "labels": np.zeros(count, np.uint8)}
    return BuiltDataset(
        splits=splits,
        tier=Tier.OFFLINE,
        provenance=(
            f"{config.game} of {describe_emulator()} played at random (seed {config.seed}), no sticky actions, every "
            f"{SKIP}. frame, the brighter of two, whole screen {config.size}x{config.size}x{config.channels} by area"
        ),
    )


def _clips(config: AtariClipsConfig, count: int, generator: np.random.Generator, elsewhere: set[bytes]) -> Array:
    arcade = Arcade(config.game, config.channels, config.seed)
    videos = np.empty((count, config.frames, *config.square.shape), dtype=np.uint8)
    filled = barren = 0
    while filled < count:
        before = filled
        for clip in _episode(config, arcade, generator):
            if _digest(clip) not in elsewhere:
                videos[filled] = clip
                filled += 1
            if filled == count:
                break
        barren = 0 if filled > before else barren + 1
        if barren == PATIENCE:
            raise DataError(
                f"{config.game}: {PATIENCE} episodes in a row gave no clip of {config.frames} frames that another "
                "split lacks; each split needs its own; give fewer frames, a larger size, fewer clips or another game"
            )
    return videos


def _episode(config: AtariClipsConfig, arcade: Arcade, generator: np.random.Generator) -> Iterator[Array]:
    """The clips of an episode, one after the other."""
    arcade.reset()
    for _ in range(generator.integers(LONGEST_START + 1)):
        if arcade.step(generator) is None:
            return
    for _ in range(config.clips_per_episode):
        clip = np.empty((config.frames, *config.square.shape), dtype=np.uint8)
        for frame in range(config.frames):
            screen = arcade.step(generator)
            if screen is None:
                return
            clip[frame] = config.square.squeeze(screen)
        yield clip


def _digest(clip: Array) -> bytes:
    return hashlib.sha256(clip.tobytes()).digest()
