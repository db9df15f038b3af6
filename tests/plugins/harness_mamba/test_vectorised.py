"""Vectors in loops: their functions against numpy's, arrays of tensors, and machine code that is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harness_mamba.vectorised import arrays, compilation
from harness_mamba.vectorised.compilation import compiled
from harness_mamba.vectorised.functions import exp2, sigmoid, softplus
from harness_mamba.vectorised.results import Results
from harness_mamba.vectorised.vectors import LANES, load, store

LARGE = 3


def apply_exp2(values: Any, results: Any, count: int) -> None:
    for i in range(0, count, LANES):
        store(results, i, exp2(load(values, i)))


def apply_sigmoid(values: Any, results: Any, count: int) -> None:
    for i in range(0, count, LANES):
        store(results, i, sigmoid(load(values, i)))


def apply_softplus(values: Any, results: Any, count: int) -> None:
    for i in range(0, count, LANES):
        store(results, i, softplus(load(values, i)))


def fill(values: Any, count: int) -> None:
    for i in range(count):
        values[i] = LARGE


FUNCTIONS = {
    "exp2": (apply_exp2, np.exp2),
    "sigmoid": (apply_sigmoid, lambda x: 1 / (1 + np.exp(-x))),
    "softplus": (apply_softplus, lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))),
}


def applied(loop: Callable[..., None], values: Tensor) -> Tensor:
    results = torch.full_like(values, float("nan"))
    compiled(loop, values.dtype)(values.numpy(), results.numpy(), len(values))
    return results


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_is_right_to_the_last_bits(name: str, dtype: torch.dtype) -> None:
    loop, exact = FUNCTIONS[name]
    values = torch.cat((torch.linspace(-80, 80, 4000), torch.linspace(-1, 1, 1008), torch.linspace(-20, 5, 992)))
    values = values.to(dtype)
    expected = exact(values.numpy().astype(np.longdouble))
    errors = np.abs(applied(loop, values).numpy() - expected) / expected
    assert float(errors.max()) < 25 * torch.finfo(dtype).eps


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(
    ("name", "limits"),
    [("exp2", (0.0, np.inf)), ("sigmoid", (0.0, 1.0)), ("softplus", (0.0, np.inf))],
    ids=["exp2", "sigmoid", "softplus"],
)
def test_function_reaches_its_limits_and_keeps_a_nan(
    name: str, limits: tuple[float, float], dtype: torch.dtype
) -> None:
    values = torch.tensor([-np.inf, np.inf, np.nan, -1e30, 1e30, *[0.0] * 11], dtype=dtype)
    low, high, unknown, lower, higher = applied(FUNCTIONS[name][0], values)[:5].tolist()
    assert (low, high, lower) == pytest.approx((*limits, limits[0]), abs=1e-37)
    assert higher == pytest.approx(min(limits[1], 1e30) if name == "softplus" else limits[1])
    assert np.isnan(unknown)


def test_loop_compiles_where_machine_code_cannot_be_kept() -> None:
    # numba refuses to keep the code of a function that no file holds.
    namespace: dict[str, Callable[..., None]] = {}
    exec("def fill(values: 'Array', count: 'int'):\n    for i in range(count):\n        values[i] = 7.0", namespace)
    loop = namespace["fill"]
    loop.__annotations__ = {"values": "Array", "count": "int"}
    values = torch.zeros(3)
    compiled(loop, torch.float32)(values.numpy(), 2)
    assert values.tolist() == [7.0, 7.0, 0.0]


def test_constants_are_part_of_the_code() -> None:
    values = torch.zeros(4)
    compiled(fill, torch.float32)(values.numpy(), 3)
    compiled(fill, torch.float32, (("LARGE", 5),))(values.numpy(), 2)
    assert values.tolist() == [5.0, 5.0, 3.0, 0.0]


def test_kept_code_goes_by_the_constants_and_by_the_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    names = {compilation._version(fill, constants).__qualname__ for constants in ((), (("LARGE", 5),))}
    monkeypatch.setattr(compilation, "FINGERPRINT", compilation.FINGERPRINT + 1)
    names.add(compilation._version(fill, ()).__qualname__)
    assert len(names) == 3


@pytest.mark.parametrize(
    ("tensor", "distance"),
    [
        (torch.arange(96.0).view(2, 3, 16), 16),
        (torch.arange(192.0).view(2, 3, 32)[..., :16], 32),
        (torch.arange(192.0).view(2, 3, 32)[..., 16:], 32),
        (torch.arange(192.0).view(2, 6, 16)[:, 1::2], 32),
        (torch.arange(96.0).view(2, 3, 16)[:1], 16),
        (torch.arange(96.0).view(2, 3, 16)[:, :1], 48),
    ],
    ids=["contiguous", "first half", "second half", "every second row", "one sequence", "one step"],
)
def test_rows_are_read_where_they_lie(tensor: Tensor, distance: int) -> None:
    array, apart = arrays.rows(tensor, torch.float32)
    expected = tensor.reshape(-1, 16)
    found = np.stack([array[row * apart : row * apart + 16] for row in range(len(expected))])
    assert (apart, found.tolist()) == (distance, expected.tolist())
    assert np.shares_memory(array, tensor.numpy())


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(16.0).expand(2, 3, 16),
        torch.arange(96.0).view(16, 3, 2).permute(2, 1, 0),
        torch.arange(96.0).view(3, 2, 16).transpose(0, 1)[:, :2],
        torch.arange(96.0).view(2, 3, 16).double(),
    ],
    ids=["expanded", "channels first", "steps before sequences", "another dtype"],
)
def test_other_rows_are_copied(tensor: Tensor) -> None:
    array, apart = arrays.rows(tensor, torch.float32)
    assert (apart, array.tolist()) == (16, tensor.float().flatten().tolist())


def test_results_that_do_not_fit_are_written_beside_and_copied() -> None:
    exact, half, narrow = torch.zeros(2, 16), torch.zeros(2, 16).bfloat16(), torch.zeros(2, 3)
    with Results(torch.float32) as results:
        found = [results.array(tensor) for tensor in (exact, half, narrow)]
        for array in found:
            array[:] = np.arange(32)
    assert [array.size for array in found] == [32, 32, 32]
    assert exact.flatten().tolist() == half.flatten().tolist() == list(range(32))
    assert narrow.tolist() == [[0, 1, 2], [16, 17, 18]]


def test_results_of_a_loop_that_failed_are_not_copied() -> None:
    half = torch.zeros(16).bfloat16()

    def fail() -> None:
        with Results(torch.float32) as results:
            results.array(half)[:] = 1.0
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert not bool(half.any())
