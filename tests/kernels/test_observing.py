from __future__ import annotations

import pytest
import torch
from torch import Tensor

from harness.kernels.cuda.recording import Recorder
from harness.kernels.cuda.sources import CudaSource, launching_with
from harness.kernels.observing import ObservedLaunch, observing_launches

SOURCE = CudaSource("some_package", "some.cu")


def _launch(entry: str) -> None:
    SOURCE.launch(entry, grid=(1,), block=(1,), arguments=())


class _Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        _launch("forward")
        return 2 * x

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        _launch("backward")
        return 2 * grad


def test_launches_of_both_passes_are_observed_in_their_order() -> None:
    with launching_with(Recorder()), observing_launches() as launches:
        _Twice.apply(torch.ones(2, requires_grad=True)).sum().backward()
    assert launches == [
        ObservedLaunch("cuda", "some_package/some.cu:forward"),
        ObservedLaunch("cuda", "some_package/some.cu:backward"),
    ]


def test_backward_runs_in_the_observing_thread() -> None:
    with observing_launches():
        assert not torch.autograd.is_multithreading_enabled()
    assert torch.autograd.is_multithreading_enabled()


def test_launches_after_the_context_are_not_observed() -> None:
    with launching_with(Recorder()):
        with observing_launches() as launches:
            pass
        _launch("forward")
    assert launches == []


def test_inner_observation_takes_launches_from_the_outer_one() -> None:
    with launching_with(Recorder()), observing_launches() as outer:
        with observing_launches() as inner:
            _launch("inner")
        _launch("outer")
    assert [launch.kernel.rpartition(":")[2] for launch in inner] == ["inner"]
    assert [launch.kernel.rpartition(":")[2] for launch in outer] == ["outer"]


def test_launch_that_fails_was_observed() -> None:
    with observing_launches() as launches, pytest.raises(Exception, match="got no tensor"):
        _launch("forward")
    assert len(launches) == 1
