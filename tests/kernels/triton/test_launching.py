from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from harness.errors import UsageError
from harness.kernels.observing import ObservedLaunch, observing_launches
from harness.kernels.triton.launching import TritonLaunch, launch, launching_with
from harness.kernels.triton.recording import Recorder


def double(x: torch.Tensor) -> None:
    """What a kernel would be made of."""


class Kernel:
    """A kernel that keeps what it is started with."""

    fn = double

    def __init__(self) -> None:
        self.started: list[tuple[Any, ...]] = []

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        return lambda *arguments, **options: self.started.append((grid, arguments, options))


def test_kernel_is_started_with_its_grid_arguments_options_and_constants() -> None:
    kernel = Kernel()
    launch(kernel, (3, 2), 5, None, num_warps=8, num_stages=3, BLOCK=64)
    assert kernel.started == [((3, 2), (5, None), {"num_warps": 8, "num_stages": 3, "BLOCK": 64})]


def test_recorder_keeps_launches_and_starts_nothing() -> None:
    kernel, recorder = Kernel(), Recorder()
    x = torch.empty(4, device="meta")
    with launching_with(recorder):
        launch(kernel, (3,), x, 5, BLOCK=64)
    assert recorder.recorded == [TritonLaunch(kernel, (3,), (x, 5), 4, 2, {"BLOCK": 64})]
    assert kernel.started == []


def test_launches_after_recording_are_started() -> None:
    kernel = Kernel()
    with launching_with(Recorder()):
        pass
    launch(kernel, (1,), 5)
    assert len(kernel.started) == 1


@pytest.mark.parametrize("grid", [(0,), (3, 0), (-1,), (), (1, 1, 1, 1)], ids=str)
def test_empty_grid_is_refused(grid: tuple[int, ...]) -> None:
    kernel = Kernel()
    with pytest.raises(UsageError, match="return early where there is nothing to compute"):
        launch(kernel, grid, 5)
    assert kernel.started == []


def test_launches_are_observed() -> None:
    with observing_launches() as launches:
        launch(Kernel(), (1,), 5)
    assert launches == [ObservedLaunch("triton", f"{__name__}:double")]


def test_launching_imports_where_triton_is_absent() -> None:
    code = "import sys; sys.modules['triton'] = None; import harness.kernels.triton.launching"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)
