"""Runs launches under the address sanitizer, each in a process of its own that has torch from its parent.

`python sanitized.py FOLDER ENTRY:AT ...` writes what each says to `FOLDER/ENTRY:AT`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch

from harness.kernels.cuda.simulation.simulator import Simulator
from harness.kernels.cuda.sources import CudaSource, launching_with


def launch(entry: str, at: int) -> None:
    source = CudaSource("simulation", "memory.cu")
    with launching_with(Simulator(sanitize=True)):
        source.launch(entry, grid=(1,), block=(32,), arguments=[torch.zeros(32), at], shared_bytes=128)
    print("nothing was found", file=sys.stderr)


def main(folder: Path, cases: list[str]) -> None:
    for case in cases:
        entry, at = case.split(":")
        child = os.fork()
        if child == 0:
            os.dup2(os.open(folder / case, os.O_WRONLY | os.O_CREAT), 2)
            launch(entry, int(at))
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
