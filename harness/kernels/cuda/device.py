"""Launches executed by a CUDA device.

Nothing here waits for the device, and after a kernel's first launch nothing is allocated, so that launches can be
captured into CUDA graphs.
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, field
from typing import Any

from harness.errors import UsageError
from harness.kernels.cuda.compiling import compile_entry
from harness.kernels.cuda.driver import CudaDriver, Driver, DriverError
from harness.kernels.cuda.launches import check_geometry, device_of, name_of
from harness.kernels.cuda.packing import Layout
from harness.kernels.cuda.parameters import check_arguments
from harness.kernels.cuda.sources import CudaSource, Launch

_ONES = (1, 1, 1)


@dataclass(slots=True)
class _Kernel:
    """A function in a device's context, the dynamic shared memory that it may ask for, and how its arguments lie."""

    function: Any
    parameter_sizes: tuple[int, ...] | None
    dynamic_limit: int
    layouts: dict[tuple[type, ...], Layout] = field(default_factory=dict)


class DeviceLauncher:
    """Compiles a kernel for the device of its tensors when it is first launched there, and keeps it."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._kernels: dict[tuple[int, CudaSource, str], _Kernel] = {}
        self._lock = threading.Lock()

    def launch(self, launch: Launch, device: int) -> None:
        if self._driver.is_current(device):
            self._start(launch, device)
        else:
            with self._driver.using(device):
                self._start(launch, device)

    def _start(self, launch: Launch, device: int) -> None:
        kernel = self._kernels.get((device, launch.source, launch.entry)) or self._load(launch, device)
        types = tuple(map(type, launch.arguments))
        layout = kernel.layouts.get(types)
        if layout is None:
            layout = Layout(name_of(launch), types)
            check_arguments(name_of(launch), kernel.parameter_sizes, layout.sizes)
            kernel.layouts[types] = layout
        if launch.shared_bytes > kernel.dynamic_limit:
            self._raise_limit(kernel, launch)
        grid, block = launch.grid, launch.block
        dimensions = (*grid, *_ONES[len(grid) :], *block, *_ONES[len(block) :])
        values = layout.pack(launch.arguments)
        try:
            self._driver.launch(
                kernel.function, dimensions, launch.shared_bytes, self._driver.stream(device), values.address
            )
        except (DriverError, TypeError, OverflowError) as error:
            check_geometry(launch)
            raise DriverError(
                f"kernel {name_of(launch)} does not start with grid {grid}, block {block} and "
                f"{launch.shared_bytes} bytes of shared memory: {error}"
            ) from error
        finally:
            layout.give_back(values)

    def _load(self, launch: Launch, device: int) -> _Kernel:
        key = (device, launch.source, launch.entry)
        with self._lock:
            if key not in self._kernels:
                check_geometry(launch)
                if self._driver.is_capturing():
                    raise UsageError(
                        f"kernel {name_of(launch)} is launched for the first time while a CUDA graph is captured, when "
                        "nothing can be loaded; launch it once before"
                    )
                compiled = compile_entry(launch.source, launch.entry, self._driver.architecture(device))
                function = self._driver.load(compiled.cubin, compiled.symbol)
                self._kernels[key] = _Kernel(function, compiled.parameter_sizes, self._driver.dynamic_limit(function))
            return self._kernels[key]

    def _raise_limit(self, kernel: _Kernel, launch: Launch) -> None:
        with self._lock:
            if launch.shared_bytes <= kernel.dynamic_limit:
                return  # another thread was here before
            try:
                self._driver.raise_dynamic_limit(kernel.function, launch.shared_bytes)
            except DriverError as error:
                raise DriverError(
                    f"kernel {name_of(launch)} asks for {launch.shared_bytes} bytes of dynamic shared memory, more "
                    f"than this device has for a block: {error}; use a smaller tile"
                ) from error
            kernel.dynamic_limit = launch.shared_bytes


def launch_on_device(launch: Launch) -> None:
    """Start a kernel on torch's current stream of the device where its tensors are."""
    device = device_of(launch)
    _launcher().launch(launch, device)


@functools.cache
def _launcher() -> DeviceLauncher:
    return DeviceLauncher(CudaDriver())
