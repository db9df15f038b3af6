"""The package ale-py: its games, their actions and their ROMs."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from types import ModuleType

from harness.errors import MissingDataError, UsageError
from harness.registry import suggest

INSTALL = "install it with `pip install 'arch-harness[atari]'` (ale-py is GPL-2.0)"


def load_package() -> ModuleType:
    """ale-py, silenced. Raises MissingDataError where it is not installed."""
    try:
        import ale_py
    except ImportError as error:
        raise MissingDataError(f"the package ale-py is not installed; it plays the games; {INSTALL}") from error
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    return ale_py


def is_installed() -> bool:
    """Whether ale-py is there, which knows the games."""
    return importlib.util.find_spec("ale_py") is not None


def refuse_unknown(game: str) -> None:
    """Raises UsageError with the nearest names for a game that ale-py does not have, MissingDataError without it."""
    load_package()
    from ale_py import roms

    known = roms.get_all_rom_ids()
    if game not in known:
        raise UsageError(f"game {game!r} is unknown; names are lower case with underscores; {suggest(game, known)}")


def find_rom(game: str) -> str:
    """The path of a game's ROM.

    Raises UsageError with the nearest names for an unknown game, MissingDataError where the package or the ROM lacks.
    """
    refuse_unknown(game)
    from ale_py import roms

    try:
        path = roms.get_rom_path(game)
    except OSError as error:
        path = None
        reason = f" ({error})"
    else:
        reason = ""
    if path is None:
        raise MissingDataError(
            f"the ROM of {game} is not there{reason}; ale-py brings it; install ale-py again or unset ALE_ROMS_DIR"
        )
    return str(path)


def count_actions(game: str, *, all_actions: bool) -> int:
    """How many actions a game has: those that do something in it, or all that the console has."""
    return len(name_actions(game, all_actions=all_actions))


@lru_cache(maxsize=64)
def name_actions(game: str, *, all_actions: bool) -> tuple[str, ...]:
    """The console's names of a game's actions, in their order."""
    rom, package = find_rom(game), load_package()
    interface = package.ALEInterface()
    try:
        interface.loadROM(rom)
    except RuntimeError as error:
        raise MissingDataError(f"the ROM of {game} does not load ({error}); install ale-py again") from error
    found = interface.getLegalActionSet() if all_actions else interface.getMinimalActionSet()
    return tuple(action.name for action in found)
