"""Named random streams. Models of one seed meet the same data in the same order, whatever else they draw."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch


@dataclass(frozen=True, slots=True)
class SeedStreams:
    """Streams of one seed within a scope (such as a dataset's name); see `harness.interfaces.Streams`."""

    seed: int
    scope: str = ""

    def integer(self, name: str) -> int:
        """A 63-bit number that only seed, scope and name determine."""
        digest = hashlib.sha256(f"{self.seed}/{self.scope}/{name}".encode()).digest()
        return int.from_bytes(digest[:8], "little") >> 1

    def numpy(self, name: str) -> np.random.Generator:
        return np.random.default_rng(self.integer(name))

    def torch(self, name: str) -> torch.Generator:
        return torch.Generator().manual_seed(self.integer(name))


@contextmanager
def seeded(number: int) -> Iterator[None]:
    """Run a block with the global generators of torch, NumPy and `random` seeded, and put their states back."""
    numpy_state, random_state = np.random.get_state(), random.getstate()  # noqa: NPY002
    # Asking CUDA for its state would start it, in CPU trials too; before it has started there is none to put back.
    devices = range(torch.cuda.device_count()) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(number)
        np.random.seed(number % 2**32)  # noqa: NPY002
        random.seed(number)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)  # noqa: NPY002
            random.setstate(random_state)
