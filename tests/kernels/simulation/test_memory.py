"""Tensors of a launch: guard zones around them, and arguments that are not what the kernel takes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import pytest
import torch

from harness.errors import KernelError, UsageError


@pytest.mark.parametrize(
    ("at", "said"),
    [(1, "a store to byte 128 of a tensor's memory, which has 128"), (-1, "a store to byte -4 of a tensor's memory")],
    ids=["behind", "before"],
)
def test_a_store_beside_a_tensor_is_an_error(run: Callable[..., None], at: int, said: str) -> None:
    x = torch.zeros(32)

    with pytest.raises(KernelError, match=said):
        run("memory.cu", "store", [x, at])

    assert torch.equal(x, torch.zeros(32))


def test_a_read_beside_a_tensor_gives_nan(run: Callable[..., None]) -> None:
    x, y = torch.zeros(32), torch.zeros(32)

    run("memory.cu", "read", [x, y, 1])

    assert torch.equal(y.isnan(), torch.arange(32) == 31)


def test_views_of_one_storage_see_each_other(run: Callable[..., None]) -> None:
    x = torch.arange(96.0)

    run("memory.cu", "add", [x[:32], x[16:48]], block=(16,))

    expected = torch.arange(96.0)
    expected[16:32] += torch.arange(16.0)
    assert torch.equal(x, expected)


def test_uninitialised_shared_memory_is_nan(run: Callable[..., None]) -> None:
    x = torch.zeros(32)

    run("memory.cu", "store_dynamic", [x, 1], shared_bytes=4 * 33)

    assert torch.equal(x.isnan(), torch.arange(32) == 0)


@pytest.mark.parametrize(
    ("entry", "shared_bytes", "said"),
    [
        ("large", 0, "49280 bytes of static shared memory; a block has 49152: use dynamic"),
        ("store_dynamic", (227 << 10) + 1, "232449 bytes of dynamic shared memory; a block has at most 232448"),
        ("store_shared", 227 << 10, "128 bytes of static and 232448 of dynamic shared memory; .* 232448 together"),
    ],
    ids=["static", "dynamic", "together"],
)
def test_more_shared_memory_than_a_block_has(
    run: Callable[..., None], entry: str, shared_bytes: int, said: str
) -> None:
    with pytest.raises(KernelError, match=said):
        run("memory.cu", entry, [torch.zeros(32), 0], shared_bytes=shared_bytes)


ARGUMENTS = {
    "a": torch.ones(1),
    "b": torch.ones(1).half(),
    "c": torch.zeros(1),
    "d": 4,
    "e": ctypes.c_int64(8),
    "f": 16.0,
    "g": ctypes.c_double(32.0),
    "h": True,
    "i": None,
}


def test_arguments_arrive_as_documented(run: Callable[..., None]) -> None:
    run("memory.cu", "parameters", [*ARGUMENTS.values()], block=(1,))

    assert ARGUMENTS["c"].item() == 1 + 1 + 4 + 8 + 16 + 32 + 1 + 100


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("a", torch.ones(1).double(), r"argument 0 is a tensor of float64, its parameter is float32\*"),
        ("b", torch.ones(1).bfloat16(), r"argument 1 is a tensor of bfloat16, its parameter is float16\*"),
        ("d", torch.ones(1), "argument 3 .* pass a number"),
        ("d", 4.0, "argument 3 is 4.0, its parameter is int32"),
        ("d", 2**31, "too large"),
        ("d", None, "only a pointer may be null"),
        ("e", 8, "argument 4 is 8, its parameter is int64; pass ctypes.c_int64"),
        ("f", 16, "argument 5 is 16, its parameter is float32"),
        ("g", 32.0, "its parameter is float64; pass ctypes.c_double"),
        ("h", 1, "its parameter is bool"),
        ("d", True, "declare the parameter as bool"),
        ("a", torch.ones(1, device="meta"), "argument 0 is a tensor on meta; the simulator takes tensors on the CPU"),
    ],
)
def test_an_argument_of_another_type_is_named(run: Callable[..., None], name: str, value: object, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run("memory.cu", "parameters", [*{**ARGUMENTS, name: value}.values()], block=(1,))


def test_a_missing_argument_is_named(run: Callable[..., None]) -> None:
    with pytest.raises(UsageError, match="8 arguments for 9 parameters"):
        run("memory.cu", "parameters", list(ARGUMENTS.values())[:-1], block=(1,))


@pytest.mark.parametrize(("grid", "block"), [((0,), (32,)), ((1,), (2048,)), ((1, 70000), (32,))])
def test_a_launch_that_no_device_starts_is_refused(
    run: Callable[..., None], grid: tuple[int, ...], block: tuple[int, ...]
) -> None:
    with pytest.raises(UsageError):
        run("memory.cu", "store", [torch.zeros(1), 0], grid=grid, block=block)
