"""Which kernels were started, for whoever has to know that a kernel ran and not something else in its place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ObservedLaunch:
    """One start of a kernel; `kernel` is `package/file.cu:entry` or `module:function`."""

    backend: Literal["cuda", "triton"]
    kernel: str


OBSERVED: ContextVar[list[ObservedLaunch] | None] = ContextVar("OBSERVED", default=None)
"""Where launches are noted; a launch that nobody watches does not even put its name together."""


@contextlib.contextmanager
def observing_launches() -> Iterator[list[ObservedLaunch]]:
    """A list that grows by every kernel started inside the context, in their order, backward passes included."""
    from torch.autograd import set_multithreading_enabled

    launches: list[ObservedLaunch] = []
    token = OBSERVED.set(launches)
    try:
        # The backward pass of CUDA tensors runs in threads of its own, where context variables have their defaults.
        with set_multithreading_enabled(False):
            yield launches
    finally:
        OBSERVED.reset(token)
