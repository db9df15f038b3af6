"""The device of a trial: its name, its memory, its driver."""

from __future__ import annotations

import resource
import sys
from typing import Any

import torch

from harness.machine import cpu_model


def cuda_usable() -> bool:
    """Whether torch can use a CUDA device here."""
    return torch.cuda.is_available()


def compute_capability() -> int:
    """Compute capability of the current CUDA device, times ten."""
    major, minor = torch.cuda.get_device_capability()
    return 10 * major + minor


def describe_device(device: torch.device) -> dict[str, Any]:
    """The row's columns about the device."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        capability = f"sm_{properties.major}{properties.minor}"
        return {"hardware": f"{properties.name} ({capability})", "driver": f"CUDA {torch.version.cuda}"}
    return {"hardware": cpu_model(), "driver": None}


def reset_peak_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory(device: torch.device) -> dict[str, Any]:
    """Peak memory of the trial: allocated by torch on a GPU, resident in the process on a CPU."""
    if device.type == "cuda":
        return {"peak_memory_bytes": torch.cuda.max_memory_allocated(device), "peak_memory_kind": "cuda_allocated"}
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"peak_memory_bytes": peak, "peak_memory_kind": "process_resident"}
