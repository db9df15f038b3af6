"""How large a replay memory is, and whether it fits."""

from __future__ import annotations

import math

import numpy as np

from harness.errors import UsageError
from harness.interfaces import ActingData, LearnerMemory, Training
from harness_dqn.config import ReplayConfig

# Beside its frame a slot keeps an action, a reward and three flags.
SLOT_BYTES = 4 + 4 + 3
GIGABYTE = 1e9


def stacked_frames(data: ActingData) -> int:
    """Frames in one observation; plain numbers are one."""
    return data.shape[0] if data.pixels else 1


def frame_type(data: ActingData) -> tuple[tuple[int, ...], type[np.uint8] | type[np.float32]]:
    """Shape and type of one frame."""
    return (data.shape[1:], np.uint8) if data.pixels else (data.shape, np.float32)


def least_slots(data: ActingData, num_returns: int) -> int:
    """Frames of one environment among which there is always a whole transition over n steps, or one to an end.

    Without one are at most the oldest observation but its newest frame, the frames between two episodes, and the
    newest n.
    """
    return num_returns + 2 * stacked_frames(data)


def kept_frames(replay_frames: int, steps: int) -> int:
    """Frames worth keeping in a trial of so many steps: a quarter more than steps, for the first ones of episodes."""
    return min(replay_frames, steps + steps // 4)


def replay_bytes(num_frames: int, data: ActingData) -> int:
    """Memory of so many frames."""
    frame, dtype = frame_type(data)
    return num_frames * (math.prod(frame) * np.dtype(dtype).itemsize + SLOT_BYTES)


def replay_memory(config: ReplayConfig, data: ActingData, training: Training, steps: int) -> LearnerMemory:
    """What a learner with these options will keep in a trial of so many steps."""
    num_bytes = replay_bytes(kept_frames(config.replay_frames, steps), data)
    return LearnerMemory(content="replay memory", num_bytes=num_bytes, option="replay_frames")


def refuse_too_large(num_frames: int, data: ActingData, available_bytes: int) -> None:
    """Raises UsageError where the frames do not fit into the memory."""
    needed = replay_bytes(num_frames, data)
    if needed > available_bytes:
        fitting = available_bytes // replay_bytes(1, data)
        raise UsageError(
            f"a replay memory of {num_frames} frames takes {needed / GIGABYTE:.2f} GB; "
            f"{available_bytes / GIGABYTE:.2f} GB are free; use replay_frames={fitting} or less, or smaller frames"
        )
