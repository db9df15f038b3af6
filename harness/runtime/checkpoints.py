"""Checkpoints of a trial: its fitting's state in a file, replaced as a whole or not at all."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from harness.interfaces import State, Transitions

SHARE = 20
"""A save follows the one before after at least this many times what that took: at most 5% of the time goes to them."""

UNREADABLE = (OSError, RuntimeError, EOFError, KeyError, ValueError, UnpicklingError)


class FileCheckpoints:
    """See `harness.interfaces.Checkpoints`. One is due `seconds` after the one before, or later where it is large.

    A file that cannot be written or read ends nothing: `problems` says it.
    """

    def __init__(self, path: Path, *, seconds: float) -> None:
        self.problems: list[str] = []
        self._path, self._seconds = path, seconds
        self._next = time.monotonic() + seconds

    def load(self) -> State | None:
        if not self._path.exists():
            return None
        try:
            kept: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True, mmap=True)
            state: State = kept["state"]
            _set_generators(kept["generators"])
        except UNREADABLE as error:
            self.problems.append(f"a checkpoint could not be read ({_reason(error)}), so that training began anew")
            return None
        return state

    def due(self) -> bool:
        return time.monotonic() >= self._next

    def save(self, state: State) -> None:
        started = time.monotonic()
        temporary = self._path.with_suffix(".tmp")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as file:
                torch.save({"state": state, "generators": _generators()}, file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
        except (OSError, RuntimeError) as error:
            with suppress(OSError):
                temporary.unlink()
            # torch raises an error of its own over the system's, which says more.
            cause = error.__context__ if isinstance(error.__context__, OSError) else error
            problem = f"a checkpoint could not be written ({_reason(cause)})"
            if problem not in self.problems:
                self.problems.append(problem)
        ended = time.monotonic()
        self._next = ended + max(self._seconds, SHARE * (ended - started))


def transitions_state(transitions: Transitions) -> State:
    """Transitions as a part of a state."""
    return {name: torch.from_numpy(array) for name, array in asdict(transitions).items()}


def restored_transitions(state: State) -> Transitions:
    """What `transitions_state` was made of."""
    return Transitions(**{name: tensor.numpy().copy() for name, tensor in state.items()})


def _generators() -> dict[str, Any]:
    # Asking CUDA for its state would start it, in CPU trials too.
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return {"cpu": torch.get_rng_state(), "cuda": devices}


def _set_generators(states: dict[str, Any]) -> None:
    torch.set_rng_state(states["cpu"])
    if states["cuda"]:
        torch.cuda.set_rng_state_all(states["cuda"])


def _reason(error: BaseException) -> str:
    """In a few words, without a path."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
