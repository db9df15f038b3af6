"""How a game is shown, acted in and scored: each way has a name, and scores of different names are never compared.

Rewards are the game's own everywhere; a learner that clips them clips what it learns from, never what is scored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.specs import Source
from harness_atari.sources import DQN_2013, DQN_2015, MACHADO_2018

FRAMES_PER_SECOND = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Protocol:
    """What surrounds an agent.

    An action is held for `frame_skip` frames (`skip_of` names the games with another number) and their rewards are
    summed. The picture is the last frame, or with `max_pool` the brighter of the last two, pixel by pixel, in grey;
    the newest `stack` pictures are an observation, of which those before an episode's first are black. With `cropped`
    the screen is resized to 110 rows for every 84 columns, of which a square is kept, else all of it is squeezed into
    the square. `sticky` is the probability, each frame, that the emulator goes on with the action before. An episode
    begins with 0 to `no_ops` frames of doing nothing, drawn evenly, and is cut after `frame_cap` frames. With
    `life_loss_ends` the state after a lost life has no future for a learner; the game goes on, and so does the score.
    Evaluation takes a random action with probability `evaluation_epsilon`, over `evaluation_episodes` whole games.
    """

    source: Source
    frame_skip: int = 4
    skip_of: Mapping[str, int] = field(default_factory=dict)
    stack: int = 4
    max_pool: bool
    cropped: bool
    sticky: float = 0.0
    no_ops: int
    frame_cap: int
    life_loss_ends: bool
    all_actions: bool
    evaluation_epsilon: float
    evaluation_episodes: int

    def skip(self, game: str) -> int:
        """Frames for which an action is held in this game."""
        return self.skip_of.get(game, self.frame_skip)


PROTOCOLS: Mapping[str, Protocol] = {
    # Section 4.1 (resizing, cropping, stacking), section 5 (skip, epsilon). The cap is the emulator's usual one; the
    # paper evaluates for a number of steps instead of episodes and does not say how the crop lies.
    "dqn2013": Protocol(
        source=DQN_2013,
        skip_of={"space_invaders": 3},
        max_pool=False,
        cropped=True,
        no_ops=0,
        frame_cap=30 * 60 * FRAMES_PER_SECOND,
        life_loss_ends=False,
        all_actions=False,
        evaluation_epsilon=0.05,
        evaluation_episodes=30,
    ),
    # Methods (preprocessing, training details, evaluation procedure) and extended data table 1.
    "nature2015": Protocol(
        source=DQN_2015,
        max_pool=True,
        cropped=False,
        no_ops=30,
        frame_cap=5 * 60 * FRAMES_PER_SECOND,
        life_loss_ends=True,
        all_actions=False,
        evaluation_epsilon=0.05,
        evaluation_episodes=30,
    ),
    # Sticky actions, all 18 actions, no use of lives, five minutes a game. The paper reports episodes of training;
    # playing games of their own after it, with the last epsilon of its DQN, is ours.
    "machado2018": Protocol(
        source=MACHADO_2018,
        frame_skip=5,
        max_pool=True,
        cropped=False,
        sticky=0.25,
        no_ops=0,
        frame_cap=5 * 60 * FRAMES_PER_SECOND,
        life_loss_ends=False,
        all_actions=True,
        evaluation_epsilon=0.01,
        evaluation_episodes=100,
    ),
}


@dataclass(frozen=True, slots=True)
class Geometry:
    """How a screen becomes a square of `size` pixels: it is resized to [rows, size] and kept from row `top` on."""

    size: int
    rows: int
    top: int

    @staticmethod
    def of(protocol: Protocol, size: int) -> Geometry:
        """The paper's 110 rows for 84 columns in proportion; the square lies below the score, above the border."""
        rows = round(size * 110 / 84) if protocol.cropped else size
        return Geometry(size, rows, round((rows - size) * 18 / 26))
