"""What the machine was doing while something was timed."""

from __future__ import annotations

import os
from dataclasses import dataclass

import psutil
import torch

from harness.nvml import meter_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """The load average of the last minute, runnable processes, and the clocks; None where a machine does not tell.

    The CPU's clock is the mean over cores, as the system reports it: virtual machines often name a constant. A GPU's
    is that of the device that was timed.
    """

    load: float | None
    cpu_megahertz: float | None
    gpu_megahertz: float | None


def read_conditions(device: torch.device) -> Conditions:
    meter = meter_of(device)
    return Conditions(
        load=_load(), cpu_megahertz=_cpu_megahertz(), gpu_megahertz=None if meter is None else meter.megahertz()
    )


def _load() -> float | None:
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def _cpu_megahertz() -> float | None:
    try:
        found = psutil.cpu_freq()
    except (AttributeError, NotImplementedError, OSError):
        return None
    return float(found.current) if found is not None and found.current else None
