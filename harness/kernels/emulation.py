"""Where a kernel that was written for a GPU runs when it is checked on a CPU."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

from harness.errors import UsageError
from harness.specs import Backend

Emulation = Callable[[int], contextlib.AbstractContextManager[None]]
INTERPRETER = {"TRITON_INTERPRET": "1"}
"""What the environment of a process must have before Triton is imported, for its kernels to be interpreted."""


@contextlib.contextmanager
def native(schedule: int) -> Iterator[None]:
    """No emulation: the kernel runs on the device that it was written for."""
    yield


@contextlib.contextmanager
def _simulated(schedule: int, sanitize: bool = False) -> Iterator[None]:
    from harness.kernels.cuda.simulation.simulator import Simulator
    from harness.kernels.cuda.sources import launching_with

    with launching_with(Simulator(schedule="skew", seed=schedule, sanitize=sanitize)):
        yield


def _sanitized(schedule: int) -> contextlib.AbstractContextManager[None]:
    return _simulated(schedule, sanitize=True)


def emulation_of(backend: Backend, *, sanitize: bool = False) -> Emulation:
    """How kernels of a backend run on a CPU; the schedule that it takes varies the order of threads.

    Triton's interpreter has to be chosen before Triton is imported, so it is asked for by `INTERPRETER`.
    """
    if backend is Backend.CUDA:
        return _sanitized if sanitize else _simulated
    if backend is Backend.TRITON:
        if os.environ.get("TRITON_INTERPRET") != "1":
            raise UsageError(
                "Triton kernels are interpreted in a process of their own, started with TRITON_INTERPRET=1"
            )
        from harness.kernels.triton.interpreting import install

        install()
    return native
