"""Launches written down instead of executed: how kernels are compiled on a machine that cannot run them."""

from __future__ import annotations

from harness.kernels.triton.launching import TritonLaunch


class Recorder:
    """A launcher that keeps launches and never looks at data: tensors may be fake or on the meta device."""

    def __init__(self) -> None:
        self.recorded: list[TritonLaunch] = []

    def launch(self, launch: TritonLaunch) -> None:
        self.recorded.append(launch)
