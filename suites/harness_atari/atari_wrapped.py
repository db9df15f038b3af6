"""The slow path: games in gymnasium's own environment, a frame at a time, with everything around it in Python.

It is the fast path's definition: the same seed and actions give the same rewards, ends and pictures.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.interfaces import ActingData, Array
from harness_atari.area_resize import AreaResize
from harness_atari.emulator import find_rom, load_package
from harness_atari.episodes import Environments, Outcome
from harness_atari.protocols import Geometry, Protocol

if TYPE_CHECKING:
    import gymnasium

NOOP = 0


class AtariWrapped(Environments):
    """Several copies of a game, one after the other; see `harness_atari.atari_vector.AtariVector`."""

    def __init__(
        self, game: str, protocol: Protocol, *, num_envs: int, size: int, seed: int, lives_count: bool
    ) -> None:
        self._seed = seed
        self._games = [Game(game, protocol, size=size, lives_count=lives_count) for _ in range(num_envs)]
        num_actions = self._games[0].num_actions
        super().__init__(ActingData(num_actions=num_actions, shape=(protocol.stack, size, size), pixels=True), num_envs)

    def _begin(self) -> Array:
        for index, game in enumerate(self._games):
            game.seed(self._seed + index)
        return np.stack([game.reset() for game in self._games])

    def _advance(self, actions: Array) -> Outcome:
        rewards, terminated, truncated, over = (
            np.array(column)
            for column in zip(
                *(game.step(int(action)) for game, action in zip(self._games, actions, strict=True)), strict=True
            )
        )
        last = np.stack([game.observation() for game in self._games])
        observations = last.copy() if over.any() else last
        for index in np.flatnonzero(over):
            observations[index] = self._games[index].reset()
        return Outcome(
            rewards=rewards,
            terminated=terminated,
            truncated=truncated,
            restarted=over,
            last=last,
            observations=observations,
        )


class Game:
    """One copy of a game under a protocol."""

    def __init__(self, game: str, protocol: Protocol, *, size: int, lives_count: bool) -> None:
        self._rom, self._protocol = find_rom(game), protocol
        self._skip, self._lives_count = protocol.skip(game), lives_count and protocol.life_loss_ends
        self._environment = open_game(game, protocol)
        self._emulator: Any = self._environment.unwrapped.ale  # type: ignore[attr-defined]
        self.num_actions = int(self._environment.action_space.n)  # type: ignore[attr-defined]
        height, width = self._environment.observation_space.shape  # type: ignore[misc]
        self._geometry = Geometry.of(protocol, size)
        self._resize = AreaResize(height, width, self._geometry.rows, size)
        self._blank = np.zeros((height, width), np.uint8)

    def seed(self, number: int) -> None:
        """Begin the emulator's draws, and those of the no-ops, anew."""
        self._environment.reset(seed=number)
        # gymnasium gives the emulator another number than it was given.
        self._emulator.setInt("random_seed", number)
        self._emulator.loadROM(self._rom)
        self._draws = np.random.RandomState(number)

    def reset(self) -> Array:
        screen, _ = self._environment.reset()
        for _ in range(self._drawn_no_ops()):
            screen, _, over, *_ = self._environment.step(NOOP)
            if over:
                screen, _ = self._environment.reset()
        self._newest, self._newer = screen, self._blank
        blank = np.zeros((self._geometry.size,) * 2, np.uint8)
        self._pictures = deque([blank] * self._protocol.stack, maxlen=self._protocol.stack)
        self._show()
        self._frames, self._lives = 0, self._emulator.lives()
        return self.observation()

    def step(self, action: int) -> tuple[float, bool, bool, bool]:
        """Reward, terminated, truncated, and whether the episode is over."""
        total, over, cut, lost = 0.0, False, False, False
        for left in reversed(range(self._skip)):
            screen, reward, over, *_ = self._environment.step(action)
            total += float(reward)
            self._frames += 1
            lost, cut = 0 < self._emulator.lives() < self._lives, self._frames >= self._protocol.frame_cap
            if over or cut:
                break
            if left == 1:
                self._newer = screen
            elif left == 0:
                self._newest = screen
        self._show()
        self._lives = self._emulator.lives()
        terminated = over or (self._lives_count and lost)
        return total, terminated, cut and not terminated, over or cut

    def observation(self) -> Array:
        """The newest pictures, the newest last."""
        return np.stack(self._pictures)

    def _show(self) -> None:
        """Add the picture of the last frames. A game that is over does not give its last: what was seen stands."""
        if self._protocol.max_pool:
            self._newest = np.maximum(self._newest, self._newer)
        top, size = self._geometry.top, self._geometry.size
        self._pictures.append(self._resize(self._newest)[top : top + size])

    def _drawn_no_ops(self) -> int:
        """An even draw from 0 to `no_ops` by Lemire's method from a Mersenne twister, as C++'s library makes it."""
        count = self._protocol.no_ops + 1
        if count == 1:
            return 0
        while True:
            product = int(self._draws.randint(0, 2**32, dtype=np.uint32)) * count
            if product % 2**32 >= 2**32 % count:
                return product >> 32


def open_game(game: str, protocol: Protocol) -> gymnasium.Env[Any, Any]:
    """gymnasium's environment of a game: every frame in grey, no frame skipped by it, no cap of its own."""
    package = load_package()
    import gymnasium
    from ale_py.registration import rom_id_to_name

    gymnasium.register_envs(package)
    return gymnasium.make(
        f"ALE/{rom_id_to_name(game)}-v5",
        disable_env_checker=True,
        frameskip=1,
        repeat_action_probability=protocol.sticky,
        full_action_space=protocol.all_actions,
        obs_type="grayscale",
        max_num_frames_per_episode=None,
    )
