"""A launcher that runs kernels on the CPU."""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from torch import Tensor

from harness.errors import KernelError, UsageError
from harness.kernels.cuda.launches import check_geometry, name_of
from harness.kernels.cuda.packing import Layout
from harness.kernels.cuda.simulation.building import build, find_line
from harness.kernels.cuda.simulation.guards import Guards
from harness.kernels.cuda.simulation.parameters import Parameter, check_arguments, parse_parameters
from harness.kernels.cuda.simulation.sanitizer import check_sanitizer
from harness.kernels.cuda.sources import Argument, CudaSource, Dimensions, Launch

Schedule: TypeAlias = Literal["forward", "reverse", "random", "skew"]
_SCHEDULES = ("forward", "reverse", "random", "skew")


class _Request(ctypes.Structure):
    """The same layout as `Request` in machine.h."""

    _fields_ = (
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("shared_bytes", ctypes.c_ulonglong),
        ("arguments", ctypes.c_void_p),
        ("order", ctypes.c_int),
        ("seed", ctypes.c_ulonglong),
    )


class Simulator:
    """Runs every launch on CPU tensors and comes back when it is done.

    `schedule` is the order in which threads take turns: "skew" runs one warp as far as it gets before the next, which
    shows missing barriers best. `seed` decides where an order is drawn. `sanitize` watches every access to memory; it
    needs a process that was started with `sanitizer_environment()`. A KernelError has the file and the line.
    """

    def __init__(self, *, schedule: Schedule = "skew", seed: int = 0, sanitize: bool = False) -> None:
        self.launches: list[tuple[str, str]] = []
        """The file and the entry of each launch that was executed."""
        self._order = _SCHEDULES.index(schedule)
        self._seed = seed
        self._sanitize = sanitize

    def launch(self, launch: Launch) -> None:
        check_geometry(launch)
        kernel = name_of(launch)
        _check_devices(kernel, launch.arguments)
        entry = _load(launch.source, launch.entry, self._sanitize)
        check_arguments(kernel, entry.parameters, launch.arguments)
        # The address sanitizer knows the bounds of every tensor by itself.
        guards = None if self._sanitize else Guards(kernel, launch.arguments)
        fault = entry.run(launch, launch.arguments if guards is None else guards.arguments, self._order, self._seed)
        if fault:
            raise KernelError(f"kernel {kernel}: {fault}")
        if guards is not None:
            guards.copy_back()
        self.launches.append((launch.source.file, launch.entry))


@dataclass(frozen=True)
class _Entry:
    """A kernel in a shared object. It has one block's state, so that threads wait for each other."""

    library: ctypes.CDLL
    parameters: list[Parameter]
    lock: threading.Lock

    def run(self, launch: Launch, arguments: Sequence[Argument], order: int, seed: int) -> str | None:
        """Execute a launch; what a kernel did wrong, if anything."""
        packed = Layout(name_of(launch), [type(argument) for argument in arguments]).pack(arguments)
        request = _Request(_three(launch.grid), _three(launch.block), launch.shared_bytes, packed.address, order, seed)
        with self.lock:
            fault: bytes | None = self.library.harness_run(ctypes.byref(request))
            if fault is None:
                return None
            offset: int = self.library.harness_crash_offset()
            return (find_line(Path(self.library._name), offset) if offset else "") + fault.decode(errors="replace")


@functools.cache
def _load(source: CudaSource, entry: str, sanitize: bool) -> _Entry:
    if sanitize:
        check_sanitizer()
    library = ctypes.CDLL(str(build(source, entry, sanitize=sanitize)))
    library.harness_run.restype = library.harness_parameters.restype = ctypes.c_char_p
    library.harness_crash_offset.restype = ctypes.c_ulonglong
    return _Entry(library, parse_parameters(library.harness_parameters().decode()), threading.Lock())


def _three(sizes: Dimensions) -> Dimensions:
    return (*sizes, 1, 1)[:3]


def _check_devices(kernel: str, arguments: Sequence[Argument]) -> None:
    for index, argument in enumerate(arguments):
        if isinstance(argument, Tensor) and argument.device.type != "cpu":
            raise UsageError(
                f"kernel {kernel}: argument {index} is a tensor on {argument.device}; the simulator takes tensors on "
                "the CPU; move it there"
            )
