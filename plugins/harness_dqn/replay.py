"""A memory of single frames, from which observations are stacked again when transitions are drawn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from harness.errors import PluginError, UsageError
from harness.interfaces import ActingData, Array, State, Transitions
from harness_dqn.sizes import frame_type, least_slots, stacked_frames


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """Transitions over up to n steps: `returns` sums their rewards, `discounts` is what the next state's value is
    worth, gamma to the number of steps, and 0 after a termination."""

    observations: Array
    actions: Array
    returns: Array
    discounts: Array
    next_observations: Array


class Replay:
    """The newest `num_slots` frames of each environment, one a slot.

    An episode fills as many slots as its first observation has frames and one for every step, so that a slot with the
    frames before it is an observation exactly as it was acted on. Positions count the frames ever written; a position
    modulo the number of slots is its slot. Raises UsageError where there are too few slots for one transition.
    """

    def __init__(
        self, data: ActingData, *, num_environments: int, num_slots: int, num_returns: int = 1, gamma: float = 0.99
    ) -> None:
        self._stack = stacked_frames(data)
        self._pixels = data.pixels
        if num_slots < (least := least_slots(data, num_returns)):
            raise UsageError(
                f"replay_frames leaves {num_slots} frames to each of {num_environments} environments; transitions over "
                f"{num_returns} steps take {least}; use replay_frames={least * num_environments} or more"
            )
        frame, dtype = frame_type(data)
        shape = (num_environments, num_slots)
        self._num_slots = num_slots
        self._num_returns = num_returns
        self._gamma = gamma
        self._frames = np.empty((*shape, *frame), dtype)
        self._actions = np.zeros(shape, np.int32)
        self._rewards = np.zeros(shape, np.float32)
        self._starts = np.zeros(shape, bool)
        self._terminated = np.zeros(shape, bool)
        self._ends = np.zeros(shape, bool)
        self._written = np.zeros(num_environments, np.int64)
        self._restarted = np.ones(num_environments, bool)

    def add(self, transitions: Transitions) -> None:
        """Keep one step of every environment.

        Raises PluginError where observations do not follow from each other, since what were drawn then was never seen.
        """
        observations, following = self._stacked(transitions.observations), self._stacked(transitions.next_observations)
        fresh = np.flatnonzero(self._restarted)
        for age in range(self._stack):
            self._push(fresh, observations[fresh, age])
        everyone = np.arange(len(self._written))
        newest = (self._written - 1) % self._num_slots
        same_frame = np.array_equal(observations[:, -1], self._frames[everyone, newest])
        if not (same_frame and np.array_equal(observations[:, 1:], following[:, :-1])):
            raise PluginError(
                "an observation does not continue the one before it; each has the newest frame in the last place, and "
                "the older ones as they were; an environment that starts anew sets `restarted`"
            )
        self._actions[everyone, newest] = transitions.actions
        self._rewards[everyone, newest] = transitions.rewards
        self._starts[everyone, newest] = True
        self._terminated[everyone, newest] = transitions.terminated
        self._ends[everyone, newest] = transitions.terminated | transitions.truncated | transitions.restarted
        self._push(everyone, following[:, -1])
        self._restarted = np.array(transitions.restarted, bool)

    def sample(self, size: int) -> Sample:
        """Transitions drawn uniformly, with replacement, from those whose n steps or whose episode's end are there.

        Draws from torch's global generator. Every environment must have taken n steps.
        """
        environments, positions, steps = self._draw(size)
        while len(missing := np.flatnonzero(steps == 0)):
            environments[missing], positions[missing], steps[missing] = self._draw(len(missing))
        reached = np.arange(self._num_returns)
        slots = (positions[:, None] + reached) % self._num_slots
        weights = np.where(reached < steps[:, None], self._gamma**reached, 0.0)
        last = (positions + steps - 1) % self._num_slots
        return Sample(
            observations=self._observations(environments, positions),
            actions=self._actions[environments, positions % self._num_slots].astype(np.int64),
            returns=(self._rewards[environments[:, None], slots] * weights).sum(axis=1).astype(np.float32),
            discounts=np.where(self._terminated[environments, last], 0.0, self._gamma**steps).astype(np.float32),
            next_observations=self._observations(environments, positions + steps),
        )

    def state(self) -> State:
        """What was written, environment by environment, as views: nothing is copied."""
        return {
            "written": torch.from_numpy(self._written),
            "restarted": torch.from_numpy(self._restarted),
            "environments": [
                {name: torch.from_numpy(array[environment, :slots]) for name, array in self._slots().items()}
                for environment, slots in enumerate(self._used())
            ],
        }

    def restore(self, state: State) -> None:
        """Become what a memory of the same size had written."""
        self._written[:], self._restarted[:] = state["written"].numpy(), state["restarted"].numpy()
        for environment, (slots, kept) in enumerate(zip(self._used(), state["environments"], strict=True)):
            for name, array in self._slots().items():
                array[environment, :slots] = kept[name].numpy()

    def _slots(self) -> dict[str, Array]:
        """Everything that has a place a slot, each array [environments, slots, ...]."""
        return {
            "frames": self._frames,
            "actions": self._actions,
            "rewards": self._rewards,
            "starts": self._starts,
            "terminated": self._terminated,
            "ends": self._ends,
        }

    def _used(self) -> list[int]:
        """How many slots of each environment were ever written; they are the first ones."""
        used: list[int] = np.minimum(self._written, self._num_slots).tolist()
        return used

    def _draw(self, size: int) -> tuple[Array, Array, Array]:
        """Environments, positions, and how many steps a transition from there takes: 0 where there is none."""
        first = np.maximum(self._written - self._num_slots, 0) + self._stack - 1
        ends = np.cumsum(self._written - 1 - first)
        drawn = torch.randint(int(ends[-1]), (size,)).numpy()
        environments = np.searchsorted(ends, drawn, side="right")
        positions = drawn - ends[environments] + self._written[environments] - 1
        return environments, positions, self._steps(environments, positions)

    def _steps(self, environments: Array, positions: Array) -> Array:
        window = positions[:, None] + np.arange(self._num_returns)
        known = window < self._written[environments, None] - 1
        ends = self._ends[environments[:, None], window % self._num_slots] & known
        ended = ends.any(axis=1)
        starts = self._starts[environments, positions % self._num_slots] & (ended | known[:, -1])
        return np.where(starts, np.where(ended, ends.argmax(axis=1) + 1, self._num_returns), 0)

    def _observations(self, environments: Array, positions: Array) -> Array:
        slots = (positions[:, None] + np.arange(1 - self._stack, 1)) % self._num_slots
        frames = self._frames.reshape(-1, *self._frames.shape[2:])
        stacked: Array = frames.take(slots + environments[:, None] * self._num_slots, axis=0)
        return stacked if self._pixels else stacked[:, 0]

    def _stacked(self, observations: Array) -> Array:
        return observations if self._pixels else observations.astype(np.float32)[:, None]

    def _push(self, environments: Array, frames: Array) -> None:
        slots = self._written[environments] % self._num_slots
        self._frames[environments, slots] = frames
        self._starts[environments, slots] = False
        self._ends[environments, slots] = False
        self._written[environments] += 1
