"""What can be said of a launch without a device: its name, where it would run, whether any device could start it."""

from __future__ import annotations

import math

from torch import Tensor

from harness.errors import UsageError
from harness.kernels.cuda.sources import Dimensions, Launch

_GRID = (2**31 - 1, 65535, 65535)
_BLOCK = (1024, 1024, 64)
_THREADS = 1024


def name_of(launch: Launch) -> str:
    """`file.cu:entry`, for messages."""
    return f"{launch.source.file}:{launch.entry}"


def device_of(launch: Launch) -> int:
    """The index of the one CUDA device where all tensors are."""
    device = -1
    for argument in launch.arguments:
        if isinstance(argument, Tensor):
            index = argument.get_device()
            if not argument.is_cuda:
                raise UsageError(
                    f"kernel {name_of(launch)} runs on CUDA devices; got a tensor on {argument.device}; move it to a "
                    "CUDA device or choose another kernel"
                )
            if device not in (-1, index):
                raise UsageError(
                    f"kernel {name_of(launch)} got tensors on cuda:{device} and on cuda:{index}; a launch runs on one "
                    "device; move them there"
                )
            device = index
    if device == -1:
        raise UsageError(f"kernel {name_of(launch)} got no tensor; where it runs is where its tensors are; pass one")
    return device


def check_geometry(launch: Launch) -> None:
    """Raise where no device could start this."""
    _check(launch, "grid", launch.grid, _GRID)
    _check(launch, "block", launch.block, _BLOCK)
    threads = math.prod(launch.block)
    if threads > _THREADS:
        raise UsageError(
            f"kernel {name_of(launch)}: a block of {threads} threads; it has at most {_THREADS}; use fewer"
        )
    if launch.shared_bytes < 0:
        raise UsageError(f"kernel {name_of(launch)}: shared_bytes={launch.shared_bytes}; it is at least 0")


def _check(launch: Launch, what: str, sizes: Dimensions, limits: Dimensions) -> None:
    possible = 1 <= len(sizes) <= 3 and all(
        type(size) is int and 1 <= size <= limit for size, limit in zip(sizes, limits, strict=False)
    )
    if not possible:
        raise UsageError(
            f"kernel {name_of(launch)}: {what} {sizes}; it has one to three dimensions of at least 1 and at most "
            f"{limits}; return early where there is nothing to compute"
        )
