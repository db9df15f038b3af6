"""A `.cu` file of a package, and how its kernels are started.

Who executes a launch is decided by `launcher`: the CUDA device by default, the simulator where kernels are checked on a
CPU, a recorder where they are only compiled. The code that launches is the same for all three.
"""

from __future__ import annotations

import contextlib
import importlib.resources
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from harness.kernels.observing import OBSERVED, ObservedLaunch
from harness.specs import Ref

if TYPE_CHECKING:
    from torch import Tensor

Dimensions: TypeAlias = tuple[int, ...]
Argument: TypeAlias = "Tensor | int | float | Any | None"
"""A tensor is passed as its address and None as a null pointer, an int as 32 bits, a float as a 32-bit float, a bool
as a bool; anything of `ctypes` as it is (`ctypes.c_int64` where 32 bits are too few)."""

INCLUDE = Path(__file__).parent / "include"
"""Where `#include "harness.cuh"` finds what kernels share."""


@dataclass(frozen=True)
class CudaSource:
    """A file of CUDA C++ beside the module that launches its kernels, such as `CudaSource(__package__, "scan.cu")`.

    `after` are files whose device code it uses; their text is put before its own. Each keeps its name and line numbers
    in what a compiler says.
    """

    package: str
    file: str
    after: tuple[CudaSource, ...] = ()

    @cached_property
    def path(self) -> Path:
        return Path(str(importlib.resources.files(self.package) / self.file))

    @cached_property
    def text(self) -> str:
        own = self.path.read_text()
        if not self.after:
            return own
        return "".join(f'#line 1 "{part.file}"\n{part.path.read_text()}' for part in self.after) + (
            f'#line 1 "{self.file}"\n{own}'
        )

    def launch(
        self,
        entry: str,
        *,
        grid: Dimensions,
        block: Dimensions,
        arguments: Sequence[Argument],
        shared_bytes: int = 0,
    ) -> None:
        """Start `entry`, a `__global__` function or an instance of a template such as `forward<float, 4>`.

        It runs on torch's current stream of the tensors' device. `shared_bytes` of dynamic shared memory may exceed
        48 KiB.
        """
        observed = OBSERVED.get()
        if observed is not None:
            observed.append(ObservedLaunch("cuda", f"{self.package}/{self.file}:{entry}"))
        LAUNCHER.get().launch(Launch(self, entry, grid, block, tuple(arguments), shared_bytes))


@dataclass(frozen=True, slots=True)
class Launch:
    """One start of a kernel."""

    source: CudaSource
    entry: str
    grid: Dimensions
    block: Dimensions
    arguments: tuple[Argument, ...]
    shared_bytes: int


class Launcher(Protocol):
    """Who executes launches."""

    def launch(self, launch: Launch) -> None: ...


class _Device:
    """The CUDA device, whose code is loaded with the first launch: this module is imported without a GPU too."""

    @cached_property
    def start(self) -> Callable[[Launch], None]:
        return Ref[Callable[["Launch"], None]]("harness.kernels.cuda.device:launch_on_device").load()

    def launch(self, launch: Launch) -> None:
        self.start(launch)


DEVICE = _Device()
LAUNCHER: ContextVar[Launcher] = ContextVar("LAUNCHER", default=DEVICE)


@contextlib.contextmanager
def launching_with(launcher: Launcher) -> Iterator[None]:
    """Have another launcher execute what is launched inside the context."""
    token = LAUNCHER.set(launcher)
    try:
        yield
    finally:
        LAUNCHER.reset(token)
