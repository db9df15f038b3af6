"""How a fitting that was ended goes on: what keeps its state, and who has one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

from harness.interfaces.tasks import Task

State: TypeAlias = Mapping[str, Any]
"""Nested mappings and lists of tensors, numbers, texts and None; keys are texts."""


class Checkpoints(Protocol):
    """Keeps one state of a fitting, over the end of its process too."""

    def load(self) -> State | None:
        """The state that was saved last, or None; torch's global generators go on from where they were then.

        Its tensors lie in the file until they are read: what is kept of them is copied.
        """
        ...

    def due(self) -> bool:
        """Whether enough time has passed since the last save."""
        ...

    def save(self, state: State) -> None:
        """Keep this state, and torch's global generators, in place of the one before. It may be called at any time,
        since it draws nothing; the row says it where the state cannot be written."""
        ...


@runtime_checkable
class TakesCheckpoints(Protocol):
    """A task that can go on with a fitting. A learner that it cannot save is trained without checkpoints."""

    def with_checkpoints(self, checkpoints: Checkpoints) -> Task:
        """The same task, whose `fit` goes on from these checkpoints and keeps them; `FitOutcome.continued` says so."""
        ...


@runtime_checkable
class SavesState(Protocol):
    """A learner whose whole state can be had and given back: network, optimiser, memory, counters.

    A new learner of the same trial that gets the state of another acts and learns as that one, bit for bit.
    """

    def state(self) -> State:
        """Everything that changes as it learns. Tensors may be its own: they are written before it goes on."""
        ...

    def restore(self, state: State) -> None:
        """Become what `state` was taken from; tensors are copied."""
        ...
