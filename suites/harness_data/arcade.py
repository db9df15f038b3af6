"""Games of the Arcade Learning Environment, by the package ale-py, which brings their ROMs."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Literal

import numpy as np

from harness.errors import MissingDataError, UsageError
from harness.interfaces import Array
from harness.registry import suggest

if TYPE_CHECKING:
    from ale_py import ALEInterface

SKIP = 4
"""Frames for which an action is held; the last two are seen, the brighter of each pixel."""


def describe_emulator() -> str:
    """The package and its version, which pins the ROMs. Raises MissingDataError where it is not installed."""
    return f"ale-py {_package().__version__}"


class Arcade:
    """A game without sticky actions, an episode at a time.

    Raises UsageError with the nearest names for an unknown game, MissingDataError where ale-py or the ROM is missing.
    """

    def __init__(self, game: str, channels: Literal[1, 3], seed: int) -> None:
        self._channels = channels
        self._ale = _open(game, seed)
        self._actions = self._ale.getMinimalActionSet()

    def reset(self) -> None:
        """Begin an episode."""
        self._ale.reset_game()

    def step(self, generator: np.random.Generator) -> Array | None:
        """The screen uint8 [H, W] or [H, W, 3] after a random action, or None when the episode is over."""
        action = self._actions[generator.integers(len(self._actions))]
        screens = []
        for frame in range(SKIP):
            self._ale.act(action)
            if self._ale.game_over():
                return None
            if frame >= SKIP - 2:
                screens.append(self._screen())
        return np.maximum(*screens)

    def _screen(self) -> Array:
        return self._ale.getScreenGrayscale() if self._channels == 1 else self._ale.getScreenRGB()


def _package() -> ModuleType:
    try:
        import ale_py
    except ImportError as error:
        raise MissingDataError(
            "the package ale-py is not installed; it plays the games; install it with "
            "`pip install 'arch-harness[atari]'` (it is GPL-2.0) or take other clips"
        ) from error
    return ale_py


def _open(game: str, seed: int) -> ALEInterface:
    ale_py = _package()
    from ale_py import roms

    known = roms.get_all_rom_ids()
    if game not in known:
        raise UsageError(f"game {game!r} is unknown; {suggest(game, known)}")
    # Without this the emulator greets everyone on stderr.
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    ale: ALEInterface = ale_py.ALEInterface()
    ale.setInt("random_seed", seed)
    ale.setInt("frame_skip", 1)
    ale.setFloat("repeat_action_probability", 0.0)
    try:
        path = roms.get_rom_path(game)
        assert path is not None, f"{game} is known and has no path"
        ale.loadROM(path)
    except (OSError, RuntimeError) as error:
        raise MissingDataError(
            f"the ROM of {game} cannot be loaded ({error}); ale-py brings it; install ale-py again or unset "
            "ALE_ROMS_DIR"
        ) from error
    return ale
