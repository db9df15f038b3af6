"""How much fits: limits on what a process may allocate, and a search for the largest that stays within one."""

from __future__ import annotations

import ctypes
import gc
import resource
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from harness.runtime.failures import MEMORY_ERRORS, is_out_of_memory


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """One size that was tried; `reason` says why it does not fit, "" if it does."""

    at: int
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Largest:
    """The largest size that fits, 0 where none does, and what was tried to find it."""

    at: int
    attempts: tuple[Attempt, ...]


def largest_that_fits(attempt: Callable[[int], str], *, multiple: int, largest: int) -> Largest:
    """Search the multiples up to `largest`, of which all below one that fits do.

    `attempt(size)` returns why the size does not fit, "" if it does. Sizes are doubled until one does not fit, so that
    none that is tried is more than twice the answer, or the smallest, and then halved in between.
    """
    attempts: list[Attempt] = []

    def fits(count: int) -> bool:
        reason = attempt(count * multiple)
        attempts.append(Attempt(at=count * multiple, reason=reason))
        return not reason

    most = largest // multiple
    low, high = 0, 1
    while high <= most and fits(high):
        low, high = high, min(2 * high, most) if high < most else most + 1
    high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return Largest(at=low * multiple, attempts=tuple(attempts))


@contextmanager
def allocations_limited(extra_bytes: int, device: torch.device) -> Iterator[None]:
    """Let this process allocate that much more on the device; beyond it an allocation fails as out of memory does.

    On a CPU the limit is of all memory that the process asks the system for, on Linux alone. What was freed inside is
    given back at the end, and what the functions held that ran out of memory, although their error still names them.
    """
    restore = _limit_cuda(extra_bytes, device) if device.type == "cuda" else _limit_data(extra_bytes)
    try:
        yield
    except MEMORY_ERRORS as error:
        if is_out_of_memory(error):
            traceback.clear_frames(error.__traceback__)
        raise
    finally:
        restore()
        give_back(device)


def data_bytes() -> int:
    """What this process has asked the system for, on Linux."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmData:"))
    return int(line.split()[1]) * 1024


def give_back(device: torch.device) -> None:
    """Return freed memory to the system or the device's other users."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _limit_data(extra_bytes: int) -> Callable[[], None]:
    if sys.platform != "linux":
        return lambda: None
    before = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = data_bytes() + extra_bytes
    soft = wanted if before[0] < 0 else min(wanted, before[0])
    resource.setrlimit(resource.RLIMIT_DATA, (soft, before[1]))
    return lambda: resource.setrlimit(resource.RLIMIT_DATA, before)


def _limit_cuda(extra_bytes: int, device: torch.device) -> Callable[[], None]:
    # torch takes no device without a number here.
    index = torch.cuda.current_device() if device.index is None else device.index
    total = torch.cuda.get_device_properties(index).total_memory
    before = torch.cuda.get_per_process_memory_fraction(index)
    torch.cuda.empty_cache()
    allowed = torch.cuda.memory_reserved(index) + extra_bytes
    torch.cuda.set_per_process_memory_fraction(min(before, allowed / total), index)
    return lambda: torch.cuda.set_per_process_memory_fraction(before, index)
