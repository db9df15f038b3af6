"""The fast path: games in ale-py's own C++ environment, several at once on its own threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from harness.interfaces import ActingData, Array
from harness_atari.emulator import find_rom, load_package
from harness_atari.episodes import Environments, Outcome
from harness_atari.protocols import Geometry, Protocol

if TYPE_CHECKING:
    from ale_py.vector_env import AtariVectorEnv


class AtariVector(Environments):
    """Several copies of a game, whose seeds are `seed`, `seed` + 1 and so on.

    With `lives_count` a lost life is `terminated` where the protocol says so. What it does is the same for any number
    of `threads`.
    """

    def __init__(
        self, game: str, protocol: Protocol, *, num_envs: int, size: int, seed: int, lives_count: bool, threads: int = 1
    ) -> None:
        self._seed = seed
        self._geometry = Geometry.of(protocol, size)
        self._skip = protocol.skip(game)
        self._games = open_games(game, protocol, num_envs=num_envs, size=size, lives_count=lives_count, threads=threads)
        num_actions = int(self._games.single_action_space.n)  # type: ignore[attr-defined]
        super().__init__(ActingData(num_actions=num_actions, shape=(protocol.stack, size, size), pixels=True), num_envs)

    def _begin(self) -> Array:
        observations, facts = self._games.reset(seed=self._seed)
        self._frames: Array = facts["episode_frame_number"]
        return self._cropped(observations)

    def _advance(self, actions: Array) -> Outcome:
        after, rewards, terminated, truncated, facts = self._games.step(actions)
        after, frames = self._cropped(after), facts["episode_frame_number"]
        done = terminated | truncated
        # A lost life is terminated too; the emulator's count of frames goes on over it and starts anew with a game.
        restarted = done & (frames != self._frames + self._skip) if done.any() else done
        last = after
        if restarted.any():
            last = after.copy()
            last[restarted] = self._cropped(facts["final_obs"])[restarted]
        self._frames = frames
        return Outcome(
            rewards=rewards,
            terminated=terminated,
            truncated=truncated,
            restarted=restarted,
            last=last,
            observations=after,
        )

    def _cropped(self, observations: Array) -> Array:
        top, size = self._geometry.top, self._geometry.size
        if self._geometry.rows == size:
            return observations
        return np.ascontiguousarray(observations[:, :, top : top + size])


def open_games(
    game: str, protocol: Protocol, *, num_envs: int, size: int, lives_count: bool, threads: int
) -> AtariVectorEnv:
    """ale-py's environment with everything that a protocol fixes, and nothing by default."""
    find_rom(game)
    load_package()
    from ale_py.vector_env import AtariVectorEnv
    from gymnasium.vector import AutoresetMode

    return AtariVectorEnv(
        game,
        num_envs=num_envs,
        num_threads=threads,
        max_num_frames_per_episode=protocol.frame_cap,
        repeat_action_probability=protocol.sticky,
        full_action_space=protocol.all_actions,
        autoreset_mode=AutoresetMode.SAME_STEP,
        img_height=Geometry.of(protocol, size).rows,
        img_width=size,
        stack_num=protocol.stack,
        frameskip=protocol.skip(game),
        maxpool=protocol.max_pool,
        # It draws from 0 to one less than what it is given.
        noop_max=protocol.no_ops + 1,
        life_loss_info=lives_count and protocol.life_loss_ends,
        reward_clipping=False,
        use_fire_reset=False,
    )
