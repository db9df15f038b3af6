"""Energy of calls and of trials, where the device tells."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from harness.nvml import meter_of
from harness.rows import Row

LEAST_SECONDS = 0.5
"""A device adds up its energy some ten times a second, so a shorter span says little."""


def measure_joules(call: Callable[[], object], device: torch.device) -> float | None:
    """Joules of one call, the mean over half a second of them, by NVML's counter of the whole device.

    None without a CUDA device, without the package nvidia-ml-py, and on devices that do not count.
    """
    meter = meter_of(device)
    if meter is None:
        return None
    torch.cuda.synchronize(device)
    before, started, calls = meter.joules(), time.perf_counter(), 0
    if before is None:
        return None
    while not calls or time.perf_counter() - started < LEAST_SECONDS:
        call()
        torch.cuda.synchronize(device)
        calls += 1
    after = meter.joules()
    return None if after is None else (after - before) / calls


@contextmanager
def energy_recorded(row: Row, device: torch.device) -> Iterator[None]:
    """Note in the row the joules that the whole device uses meanwhile, what other processes use on it too, where
    `measure_joules` could tell them."""
    meter = meter_of(device)
    before = meter.joules() if meter is not None else None
    try:
        yield
    finally:
        after = meter.joules() if meter is not None else None
        if before is not None and after is not None:
            row["energy_joules"] = after - before
