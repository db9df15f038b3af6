from __future__ import annotations

import ctypes
from typing import Any

import pytest
import torch
from kernel_requirements import needs_compilers
from torch._subclasses.fake_tensor import FakeTensorMode

from harness.errors import UsageError
from harness.kernels.cuda.recording import CompiledLaunch, Recorder, compile_recorded
from harness.kernels.cuda.sources import CudaSource, launching_with

pytestmark = needs_compilers

REVERSE = "reverse<float, 128>"


def _record(samples: CudaSource, **given: Any) -> Recorder:
    """A launch of `scale`, with these parts changed."""
    x = torch.empty(8, device="meta")
    launch = {"grid": (1,), "block": (32,), "arguments": (x, x, 8, 2.0), "shared_bytes": 0} | given
    recorder = Recorder()
    with launching_with(recorder):
        samples.launch(launch.pop("entry", "scale"), **launch)
    return recorder


def test_fake_tensors_are_recorded_with_their_launch(samples: CudaSource) -> None:
    recorder = Recorder()
    with FakeTensorMode(), launching_with(recorder):
        x = torch.empty(8)
        samples.launch("scale", grid=(1,), block=(32,), arguments=(x, x, 8, 2.0))
    (launch,) = recorder.recorded
    assert (launch.source, launch.entry, launch.grid, launch.block) == (samples, "scale", (1,), (32,))
    assert launch.arguments == (x, x, 8, 2.0)


def _names(compiled: list[CompiledLaunch]) -> list[tuple[str, str]]:
    return [(one.compiled.entry, one.compiled.arch) for one in compiled]


def test_each_kernel_compiles_once_for_each_architecture(samples: CudaSource) -> None:
    x = torch.empty(8, device="meta")
    recorder = Recorder()
    with launching_with(recorder):
        for entry in ("scale", REVERSE, "scale"):
            arguments = (x, x, 8, 2.0) if entry == "scale" else (x, x)
            samples.launch(entry, grid=(1,), block=(128,), arguments=arguments, shared_bytes=512)
    compiled = compile_recorded(recorder, ["sm_80", "sm_90"])
    assert _names(compiled) == [(entry, arch) for entry in ("scale", REVERSE) for arch in ("sm_80", "sm_90")]


def test_shared_bytes_are_static_and_the_largest_dynamic(samples: CudaSource) -> None:
    x = torch.empty(128, device="meta")
    recorder = Recorder()
    with launching_with(recorder):
        for shared_bytes in (512, 60_000, 1024):
            samples.launch(REVERSE, grid=(1,), block=(128,), arguments=(x, x), shared_bytes=shared_bytes)
    (one,) = compile_recorded(recorder, ["sm_90"])
    assert one.shared_bytes == 60_512
    assert one.resources.static_shared_bytes == 512


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"grid": (0,)}, r"samples.cu:scale: grid \(0,\)"),
        ({"grid": (1, 70_000)}, r"grid \(1, 70000\)"),
        ({"grid": (1, 1, 1, 1)}, r"grid \(1, 1, 1, 1\)"),
        ({"grid": (1.5,)}, r"grid \(1\.5,\)"),
        ({"block": ()}, r"block \(\)"),
        ({"block": (32, 33)}, "a block of 1056 threads"),
        ({"shared_bytes": -1}, "shared_bytes=-1"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_launch_that_no_device_could_start_is_refused(samples: CudaSource, given: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        _record(samples, **given)


X = torch.empty(8, device="meta")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((X, X, 8), r"samples.cu:scale has 4 parameters; got 3 arguments"),
        ((X, X, ctypes.c_int64(8), 2.0), "argument 2 travels as 8 bytes; the parameter has 4"),
        ((X, 8, 8, 2.0), "argument 1 travels as 4 bytes; the parameter has 8"),
        ((X, X, "8", 2.0), "argument 2 is of type builtins.str"),
    ],
    ids=["too-few", "too-wide", "no-pointer", "text"],
)
def test_arguments_that_the_kernel_does_not_declare_are_refused(
    samples: CudaSource, arguments: tuple[Any, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        compile_recorded(_record(samples, arguments=arguments), ["sm_90"])
