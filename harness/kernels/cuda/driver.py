"""The few calls to the CUDA driver, behind a protocol so that everything around them runs without a GPU too."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any, Protocol

import torch

from harness.errors import HarnessError, UnsupportedError


class DriverError(HarnessError):
    """The CUDA driver refuses a call."""


class Driver(Protocol):
    """What launching needs of CUDA and of torch. A function is a handle that only the driver looks into."""

    def architecture(self, device: int) -> str:
        """Such as `sm_90`."""

    def is_current(self, device: int) -> bool:
        """Whether torch's context of the device is the current one of this thread."""

    def using(self, device: int) -> contextlib.AbstractContextManager[None]:
        """Make it so."""

    def stream(self, device: int) -> int:
        """Torch's current stream."""

    def is_capturing(self) -> bool:
        """Whether a CUDA graph is being captured on it."""

    def load(self, cubin: bytes, symbol: str) -> Any:
        """The function with this name, loaded into the current context."""

    def dynamic_limit(self, function: Any) -> int:
        """The largest dynamic shared memory that a launch may ask for."""

    def raise_dynamic_limit(self, function: Any, num_bytes: int) -> None:
        """Let launches ask for this much."""

    def launch(self, function: Any, dimensions: tuple[int, ...], shared_bytes: int, stream: int, address: int) -> None:
        """Start a function. `dimensions` are three of the grid and three of a block; the array of its parameters'
        addresses lies at `address`."""


class _Thread(threading.local):
    has_context = False


class CudaDriver:
    """The driver through `cuda.bindings`, in the primary contexts that torch makes and works in."""

    def __init__(self) -> None:
        try:
            from cuda.bindings import driver
        except ImportError as error:
            raise UnsupportedError(
                f"CUDA kernels are launched through cuda-bindings, not found here ({error}); "
                "install it with pip install 'arch-harness[cuda]'"
            ) from error
        self._driver = driver
        self._success = driver.CUresult.CUDA_SUCCESS
        self._limit = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        self._thread = _Thread()

    def architecture(self, device: int) -> str:
        major, minor = torch.cuda.get_device_capability(device)
        return f"sm_{major}{minor}"

    def is_current(self, device: int) -> bool:
        return torch.cuda.current_device() == device and self._thread.has_context

    @contextlib.contextmanager
    def using(self, device: int) -> Iterator[None]:
        with torch.cuda.device(device):
            # In a thread that has not used CUDA yet torch takes device 0 for current and sets no context.
            (context,) = self._done(self._driver.cuCtxGetCurrent())
            if int(context) == 0:
                (primary,) = self._done(self._driver.cuDevicePrimaryCtxRetain(device))
                self._done(self._driver.cuCtxSetCurrent(primary))
            self._thread.has_context = True
            yield

    def stream(self, device: int) -> int:
        return int(torch.cuda.current_stream(device).cuda_stream)

    def is_capturing(self) -> bool:
        return torch.cuda.is_current_stream_capturing()

    def load(self, cubin: bytes, symbol: str) -> Any:
        (module,) = self._done(self._driver.cuModuleLoadData(cubin))
        (function,) = self._done(self._driver.cuModuleGetFunction(module, symbol.encode()))
        return function

    def dynamic_limit(self, function: Any) -> int:
        (limit,) = self._done(self._driver.cuFuncGetAttribute(self._limit, function))
        return int(limit)

    def raise_dynamic_limit(self, function: Any, num_bytes: int) -> None:
        self._done(self._driver.cuFuncSetAttribute(function, self._limit, num_bytes))

    def launch(self, function: Any, dimensions: tuple[int, ...], shared_bytes: int, stream: int, address: int) -> None:
        (status,) = self._driver.cuLaunchKernel(function, *dimensions, shared_bytes, stream, address, 0)
        if status != self._success:
            self._done((status,))

    def _done(self, answer: tuple[Any, ...]) -> tuple[Any, ...]:
        """What a call gave, without its status."""
        status, *results = answer
        if status != self._success:
            _, text = self._driver.cuGetErrorString(status)
            raise DriverError(f"{status.name}: {text.decode() if text else 'no description'}")
        return tuple(results)
