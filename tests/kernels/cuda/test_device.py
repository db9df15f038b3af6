"""Launching with a driver that writes down what it gets; the tests marked `gpu` start kernels."""

from __future__ import annotations

import contextlib
import ctypes
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from kernel_requirements import needs_compilers
from torch import Tensor

from harness.errors import UsageError
from harness.kernels.cuda.device import DeviceLauncher, launch_on_device
from harness.kernels.cuda.driver import DriverError
from harness.kernels.cuda.launches import device_of
from harness.kernels.cuda.sources import CudaSource, Launch

pytestmark = needs_compilers

# Of the kernel `parameters`, in its order: how each lies in memory.
FORMATS = ["P", "i", "f", "?", "q", "d", "qi4x", "P"]
SHARED_AT_FIRST, SHARED_AT_MOST = 49152, 232448


class FakeDriver:
    """Answers as a driver of two devices does; `started` are the launches with the values of their parameters.

    At a `meeting` launches wait for each other before their parameters are read.
    """

    def __init__(self) -> None:
        self.started: list[dict[str, Any]] = []
        self.loaded: list[tuple[bytes, str]] = []
        self.raised: list[int] = []
        self.used: list[int] = []
        self.current = 0
        self.capturing = False
        self.loading_seconds = 0.0
        self.meeting: threading.Barrier | None = None

    def architecture(self, device: int) -> str:
        return ["sm_90", "sm_80"][device]

    def is_current(self, device: int) -> bool:
        return device == self.current

    @contextlib.contextmanager
    def using(self, device: int) -> Iterator[None]:
        before, self.current = self.current, device
        self.used.append(device)
        yield
        self.current = before

    def stream(self, device: int) -> int:
        return 4000 + device

    def is_capturing(self) -> bool:
        return self.capturing

    def load(self, cubin: bytes, symbol: str) -> str:
        time.sleep(self.loading_seconds)
        self.loaded.append((cubin, symbol))
        return f"{symbol} on {self.current}"

    def dynamic_limit(self, function: str) -> int:
        return SHARED_AT_FIRST

    def raise_dynamic_limit(self, function: str, num_bytes: int) -> None:
        if num_bytes > SHARED_AT_MOST:
            raise DriverError("CUDA_ERROR_INVALID_VALUE: invalid argument")
        self.raised.append(num_bytes)

    def launch(self, function: str, dimensions: tuple[int, ...], shared_bytes: int, stream: int, address: int) -> None:
        if min(dimensions) < 1 or len(dimensions) != 6:
            raise DriverError("CUDA_ERROR_INVALID_VALUE: invalid argument")
        if self.meeting is not None:
            self.meeting.wait()
        addresses = (ctypes.c_void_p * len(FORMATS)).from_address(address)
        values = [
            struct.unpack("@" + code, ctypes.string_at(at, struct.calcsize("@" + code)))
            for code, at in zip(FORMATS, addresses, strict=True)
        ]
        self.started.append(
            {"function": function, "dimensions": dimensions, "shared": shared_bytes, "stream": stream, "values": values}
        )


class CudaTensor(Tensor):
    """A tensor on the CPU that says it is on a CUDA device."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    index = 0

    @property
    def is_cuda(self) -> bool:
        return True

    def get_device(self) -> int:
        return self.index


class OnOtherDevice(CudaTensor):
    index = 1


class Extent(ctypes.Structure):
    _fields_ = [("rows", ctypes.c_int64), ("columns", ctypes.c_int32)]


@pytest.fixture
def driver() -> FakeDriver:
    return FakeDriver()


@pytest.fixture
def start(driver: FakeDriver, samples: CudaSource) -> Callable[..., None]:
    """Starts the kernel `parameters`, with these parts of the launch changed."""
    launcher = DeviceLauncher(driver)

    def start(*, on: type[CudaTensor] = CudaTensor, **given: Any) -> None:
        arguments = {"y": torch.zeros(4).as_subclass(on), "a": 3, "b": 0.5, "c": True, "d": ctypes.c_int64(2**40)}
        arguments |= {"e": ctypes.c_double(0.1), "f": Extent(2**33, 7), "none": None}
        arguments |= {name: given.pop(name) for name in list(given) if name in arguments}
        parts = {"grid": (3,), "block": (32, 2), "arguments": tuple(arguments.values()), "shared_bytes": 0} | given
        launch = Launch(samples, "parameters", **parts)
        launcher.launch(launch, device_of(launch))

    return start


def test_kernel_gets_the_bytes_of_every_argument(driver: FakeDriver, start: Callable[..., None]) -> None:
    whole = torch.zeros(4)
    start(y=whole[1:].as_subclass(CudaTensor))
    (started,) = driver.started
    assert started["values"] == [
        (whole.data_ptr() + 4,), (3,), (0.5,), (True,), (2**40,), (0.1,), (2**33, 7), (0,)
    ]  # fmt: skip


def test_kernel_gets_its_grid_block_shared_memory_and_stream(driver: FakeDriver, start: Callable[..., None]) -> None:
    start(grid=(3, 5), block=(32, 2, 4), shared_bytes=96)
    (started,) = driver.started
    assert (started["dimensions"], started["shared"]) == ((3, 5, 1, 32, 2, 4), 96)
    assert (started["function"], started["stream"]) == ("parameters on 0", 4000)


def test_values_of_one_launch_do_not_stay_for_the_next(driver: FakeDriver, start: Callable[..., None]) -> None:
    start(a=2**31 - 1)
    start(a=-(2**31), none=torch.ones(1).as_subclass(CudaTensor))
    start(a=5)
    assert [started["values"][1] for started in driver.started] == [(2**31 - 1,), (-(2**31),), (5,)]
    assert [started["values"][7] == (0,) for started in driver.started] == [True, False, True]


def test_parameter_of_a_module_is_a_tensor(driver: FakeDriver, start: Callable[..., None]) -> None:
    class CudaParameter(CudaTensor, torch.nn.Parameter):
        pass

    y = torch.zeros(4).as_subclass(CudaParameter)
    start(y=y)
    assert driver.started[0]["values"][0] == (y.data_ptr(),)


def test_kernel_is_loaded_once_for_each_device(driver: FakeDriver, start: Callable[..., None]) -> None:
    for on in (CudaTensor, OnOtherDevice, CudaTensor, OnOtherDevice):
        start(on=on)
    assert [symbol for _, symbol in driver.loaded] == ["parameters", "parameters"]
    assert driver.loaded[0][0] != driver.loaded[1][0]
    assert [one["function"] for one in driver.started] == ["parameters on 0", "parameters on 1"] * 2
    assert [one["stream"] for one in driver.started] == [4000, 4001] * 2


def test_other_device_is_made_current_for_its_launches_only(driver: FakeDriver, start: Callable[..., None]) -> None:
    start()
    assert driver.used == []
    start(on=OnOtherDevice)
    assert (driver.used, driver.current) == ([1], 0)


def test_threads_keep_their_values_apart(driver: FakeDriver, start: Callable[..., None]) -> None:
    start()
    driver.meeting = threading.Barrier(2, timeout=30)
    _in_threads(lambda: start(a=10), lambda: start(a=11))
    assert sorted(started["values"][1] for started in driver.started[1:]) == [(10,), (11,)]


def test_threads_load_a_kernel_once(driver: FakeDriver, start: Callable[..., None]) -> None:
    driver.loading_seconds = 0.2
    _in_threads(start, start)
    assert (len(driver.loaded), len(driver.started)) == (1, 2)


def _in_threads(*calls: Callable[[], None]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_limit_of_shared_memory_is_raised_once(driver: FakeDriver, start: Callable[..., None]) -> None:
    for num_bytes in (SHARED_AT_FIRST, 60_000, 60_000, 50_000, 100_000, 60_000):
        start(shared_bytes=num_bytes)
    assert driver.raised == [60_000, 100_000]


def test_more_shared_memory_than_there_is_is_an_error(driver: FakeDriver, start: Callable[..., None]) -> None:
    with pytest.raises(DriverError, match="asks for 300000 bytes of dynamic shared memory, more than this device has"):
        start(shared_bytes=300_000)
    assert driver.started == []


def test_first_launch_while_a_graph_is_captured_is_refused(driver: FakeDriver, start: Callable[..., None]) -> None:
    driver.capturing = True
    with pytest.raises(UsageError, match="launch it once before"):
        start()
    driver.capturing = False
    start()
    driver.capturing = True
    start()
    assert len(driver.started) == 2


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"grid": (0,)}, r"samples.cu:parameters: grid \(0,\)"),
        ({"grid": (1, 1, 1, 1)}, r"grid \(1, 1, 1, 1\)"),
        ({"block": (0,)}, r"block \(0,\)"),
    ],
    ids=str,
)
@pytest.mark.parametrize("launched_before", [False, True], ids=["first", "later"])
def test_impossible_grid_is_named(
    start: Callable[..., None], given: dict[str, Any], message: str, launched_before: bool
) -> None:
    start() if launched_before else None
    with pytest.raises(UsageError, match=message):
        start(**given)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"a": 2**31}, r"argument 1 is 2147483648, too large for 32 bits.*ctypes\.c_int64"),
        ({"a": -(2**31) - 1}, "argument 1 is -2147483649, too large for 32 bits"),
        ({"a": "3"}, r"argument 1 is of type builtins\.str"),
        ({"a": ctypes.c_int64(3)}, "argument 1 travels as 8 bytes; the parameter has 4"),
        ({"d": 3}, "argument 4 travels as 4 bytes; the parameter has 8"),
        ({"arguments": (torch.zeros(1).as_subclass(CudaTensor),)}, "has 8 parameters; got 1 arguments"),
        ({"none": torch.zeros(1)}, "runs on CUDA devices; got a tensor on cpu"),
        ({"none": torch.zeros(1).as_subclass(OnOtherDevice)}, "got tensors on cuda:0 and on cuda:1"),
        ({"y": None}, "got no tensor"),
    ],
    ids=["large", "low", "text", "too-wide", "too-narrow", "too-few", "cpu", "two-devices", "no-tensor"],
)
def test_wrong_argument_is_named_and_nothing_starts(
    driver: FakeDriver, start: Callable[..., None], given: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=f"samples.cu:parameters.*{message}"):
        start(**given)
    assert driver.started == []


def test_tensor_on_the_cpu_is_refused_without_any_driver(samples: CudaSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    x = torch.zeros(4)
    with pytest.raises(UsageError, match=r"samples.cu:scale runs on CUDA devices; got a tensor on cpu"):
        samples.launch("scale", grid=(1,), block=(32,), arguments=(x, x, 4, 2.0))


gpu = pytest.mark.gpu
needs_device = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def _scale(samples: CudaSource, x: Tensor, y: Tensor) -> None:
    launch_on_device(Launch(samples, "scale", ((len(x) + 255) // 256,), (256,), (x, y, len(x), 2.0), 0))


@gpu
@needs_device
def test_device_computes(samples: CudaSource) -> None:
    x = torch.randn(1000, device="cuda")
    y = torch.full_like(x, torch.nan)
    _scale(samples, x, y)
    assert torch.equal(y, 2 * x)


@gpu
@needs_device
def test_device_takes_much_shared_memory(samples: CudaSource) -> None:
    x = torch.randn(128, device="cuda", dtype=torch.bfloat16)
    y = torch.full((128,), torch.nan, device="cuda")
    launch_on_device(Launch(samples, "reverse<__nv_bfloat16, 128>", (1,), (128,), (x, y), 100_000))
    assert torch.equal(y, x.float().flip(0))


@gpu
@needs_device
def test_launches_are_captured_into_a_graph(samples: CudaSource) -> None:
    x, y = torch.ones(1000, device="cuda"), torch.zeros(1000, device="cuda")
    _scale(samples, x, y)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        _scale(samples, x, y)
    x.fill_(3.0)
    y.zero_()
    graph.replay()
    assert torch.equal(y, 2 * x)


@gpu
@needs_device
def test_thread_without_a_context_launches(samples: CudaSource) -> None:
    x, y = torch.ones(1000, device="cuda"), torch.zeros(1000, device="cuda")
    thread = threading.Thread(target=_scale, args=(samples, x, y))
    thread.start()
    thread.join()
    assert torch.equal(y, 2 * x)
