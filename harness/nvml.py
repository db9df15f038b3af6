"""What the driver of an NVIDIA device tells: the energy it has used, and its clock."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True, slots=True)
class Meter:
    """Reads the counters of one whole device, whoever uses it; None where the device lacks one."""

    library: Any
    handle: Any

    def joules(self) -> float | None:
        """Energy used since the driver was loaded."""
        return self._told(self.library.nvmlDeviceGetTotalEnergyConsumption, 1e-3)

    def megahertz(self) -> float | None:
        """The clock of the multiprocessors now."""
        return self._told(lambda handle: self.library.nvmlDeviceGetClockInfo(handle, self.library.NVML_CLOCK_SM), 1.0)

    def _told(self, read: Callable[[Any], int], unit: float) -> float | None:
        try:
            return read(self.handle) * unit
        except self.library.NVMLError:
            return None


def meter_of(device: torch.device) -> Meter | None:
    """None for a device that is not of NVIDIA's, and without the package nvidia-ml-py or a driver that answers it."""
    if device.type != "cuda" or importlib.util.find_spec("pynvml") is None:
        return None
    pynvml: Any = importlib.import_module("pynvml")
    try:
        pynvml.nvmlInit()
        # By its id, since NVML does not know which devices CUDA_VISIBLE_DEVICES leaves.
        handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{torch.cuda.get_device_properties(device).uuid}")
    except pynvml.NVMLError:
        return None
    return Meter(pynvml, handle)
