"""The `.cu` files of this plugin, each with the device code that they share in front of it."""

from __future__ import annotations

import importlib.resources
from dataclasses import dataclass
from functools import cached_property

from harness.kernels.cuda.sources import CudaSource

SHARED = ("tiles.cuh", "memories.cuh")


@dataclass(frozen=True)
class InfiniSource(CudaSource):
    """A `.cu` file beside the module that launches its kernels; lines keep their numbers in messages."""

    @cached_property
    def text(self) -> str:
        folder = importlib.resources.files("harness_infini")
        files = [(name, (folder / name).read_text()) for name in SHARED]
        files.append((self.file, self.path.read_text()))
        return "".join(f'#line 1 "{name}"\n{text}' for name, text in files)
