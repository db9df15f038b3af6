"""How plugins start Triton kernels.

Who executes a launch is decided by `launching_with`: Triton by default, which means the CUDA device or, in a process
with TRITON_INTERPRET=1, its interpreter; a recorder where kernels are only compiled. This module does not import
Triton, so a plugin's launching code imports everywhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from types import FunctionType
from typing import Any, Protocol, TypeAlias

from torch import Tensor

from harness.errors import UsageError
from harness.kernels.observing import OBSERVED, ObservedLaunch

Argument: TypeAlias = Tensor | int | float | bool | None


class TritonKernel(Protocol):
    """What `triton.jit` makes of a function."""

    fn: FunctionType

    def __getitem__(self, grid: tuple[int, ...], /) -> Callable[..., Any]: ...


@dataclass(frozen=True, slots=True)
class TritonLaunch:
    """One start of a kernel; `constants` are by the names of its constexpr parameters, the arguments in its order."""

    kernel: TritonKernel
    grid: tuple[int, ...]
    arguments: tuple[Argument, ...]
    num_warps: int
    num_stages: int
    constants: Mapping[str, Any]

    @property
    def name(self) -> str:
        return name_of(self.kernel)


class Launcher(Protocol):
    """Who executes launches."""

    def launch(self, launch: TritonLaunch) -> None: ...


class _Triton:
    def launch(self, launch: TritonLaunch) -> None:
        for argument in launch.arguments:
            if isinstance(argument, Tensor) and not argument.is_cuda and not _is_interpreted(launch.kernel):
                raise UsageError(
                    f"Triton kernels run on CUDA devices; {launch.name} got a tensor on {argument.device}; move it to "
                    "a CUDA device, choose another kernel, or check the kernel with Triton's interpreter "
                    "(TRITON_INTERPRET=1 before the process starts)"
                )
        launch.kernel[launch.grid](
            *launch.arguments, num_warps=launch.num_warps, num_stages=launch.num_stages, **launch.constants
        )


_TRITON = _Triton()
LAUNCHER: ContextVar[Launcher] = ContextVar("LAUNCHER", default=_TRITON)


@contextlib.contextmanager
def launching_with(launcher: Launcher) -> Iterator[None]:
    """Have another launcher execute what is launched inside the context."""
    token = LAUNCHER.set(launcher)
    try:
        yield
    finally:
        LAUNCHER.reset(token)


def launch(
    kernel: TritonKernel,
    grid: tuple[int, ...],
    *arguments: Argument,
    num_warps: int = 4,
    num_stages: int = 2,
    **constants: Any,
) -> None:
    """Start a kernel made by `triton.jit` on torch's current stream; `constants` are its constexpr parameters."""
    if not 1 <= len(grid) <= 3 or min(grid) < 1:
        raise UsageError(
            f"{name_of(kernel)}: the grid {grid} is empty or has more than three dimensions; a launch needs one to "
            "three dimensions of at least 1; return early where there is nothing to compute"
        )
    observed = OBSERVED.get()
    if observed is not None:
        observed.append(ObservedLaunch("triton", name_of(kernel)))
    LAUNCHER.get().launch(TritonLaunch(kernel, grid, arguments, num_warps, num_stages, constants))


def name_of(kernel: TritonKernel) -> str:
    """`module:function`, for messages and reports."""
    return f"{kernel.fn.__module__}:{kernel.fn.__qualname__}"


def _is_interpreted(kernel: TritonKernel) -> bool:
    # The kernel exists, so Triton is installed; the environment may have changed since the kernel was made.
    from triton.runtime.interpreter import InterpretedFunction

    return isinstance(kernel, InterpretedFunction)
