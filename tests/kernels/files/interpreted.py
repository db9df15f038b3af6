"""Run by test_interpreting.py in a process of its own, with TRITON_INTERPRET=1."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import triton
import triton.language as tl
from torch import Tensor

from harness.errors import UnsupportedError, UsageError
from harness.kernels.triton import interpreting
from harness.kernels.triton.compiling import specialize
from harness.kernels.triton.launching import TritonLaunch, launch

sys.path.insert(0, str(Path(__file__).parent))

from kernel_samples import blocks

interpreting.install()

N = 64
BF16, F32 = torch.bfloat16, torch.float32


def _random(*shape: int, dtype: torch.dtype = F32, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def _recurrence(a: Tensor, b: Tensor) -> Tensor:
    states, state = [], torch.zeros_like(b[0], dtype=torch.float64)
    for decay, drive in zip(a.double(), b.double(), strict=True):
        state = decay * state + drive
        states.append(state)
    return torch.stack(states)


@pytest.mark.parametrize("dtype", [F32, torch.float64], ids=str)
@pytest.mark.parametrize(("rows", "columns"), [(1, 16), (2, 1), (64, 16)])
def test_scan_is_the_recurrence(rows: int, columns: int, dtype: torch.dtype) -> None:
    a, b = _random(rows, columns).sigmoid().to(dtype), _random(rows, columns, seed=1).to(dtype)
    h = torch.full_like(b, torch.nan)
    launch(blocks.scan, (1,), a, b, h, ROWS=rows, COLUMNS=columns, REVERSE=False)
    torch.testing.assert_close(h.double(), _recurrence(a, b), rtol=1e-5, atol=1e-6)


def test_reverse_scan_is_the_recurrence_from_the_end() -> None:
    a, b = _random(32, 4).sigmoid(), _random(32, 4, seed=1)
    h = torch.full_like(b, torch.nan)
    launch(blocks.scan, (1,), a, b, h, ROWS=32, COLUMNS=4, REVERSE=True)
    torch.testing.assert_close(h.double(), _recurrence(a.flip(0), b.flip(0)).flip(0), rtol=1e-5, atol=1e-6)


def test_scan_of_bfloat16_rounds_every_step_to_bfloat16() -> None:
    a, b = torch.ones(4, 2, dtype=BF16), torch.tensor([256.0, 1.0, 1.0, 1.0]).to(BF16)[:, None].repeat(1, 2)
    h = torch.empty_like(b)
    launch(blocks.scan, (1,), a, b, h, ROWS=4, COLUMNS=2, REVERSE=False)
    # 257 is not a bfloat16 and 256 is the even neighbour; 256 + (1 + 1) is one.
    assert h[:, 0].tolist() == [256.0, 256.0, 258.0, 258.0]


def test_scan_calls_its_function_once_for_each_doubling(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = blocks._join.fn
    monkeypatch.setattr(blocks._join, "fn", lambda *parts: calls.append(parts) or original(*parts))
    a = b = torch.ones(512, 8)
    launch(blocks.scan, (1,), a, b, torch.empty_like(b), ROWS=512, COLUMNS=8, REVERSE=False)
    assert len(calls) == 9


def test_reduce_is_the_last_state() -> None:
    a, b = _random(64, 8).sigmoid(), _random(64, 8, seed=1)
    h = torch.full((8,), torch.nan)
    launch(blocks.fold, (1,), a, b, h, ROWS=64, COLUMNS=8)
    torch.testing.assert_close(h.double(), _recurrence(a, b)[-1], rtol=1e-5, atol=1e-6)


def test_reduce_over_everything_is_a_scalar() -> None:
    a, b = _random(64).sigmoid(), _random(64, seed=1)
    h = torch.full((1,), torch.nan)
    launch(blocks.fold_all, (1,), a, b, h, N=64)
    torch.testing.assert_close(h[0].double(), _recurrence(a, b)[-1], rtol=1e-5, atol=1e-6)


def test_combine_function_of_another_type_is_refused() -> None:
    x = torch.ones(8, dtype=BF16)
    with pytest.raises(Exception, match="returns fp32 for bf16"):
        launch(blocks.scan_wrong_type, (1,), x, torch.empty_like(x), N=8)


HALF = 2.0**-8  # of the distance between 1 and the next bfloat16
VALUES = torch.tensor(
    [0.0, -0.0, 1.0, 1 + HALF, 1 + 3 * HALF, 1 + HALF * 1.01, 1.999, 255.5, -3.14159, 1e-40, -1e-45, 3.4e38, torch.inf,
     -torch.inf, torch.nan, 1e-3]
)  # fmt: skip
CASTS = [
    (VALUES, BF16, tl.bfloat16),
    (VALUES.double(), BF16, tl.bfloat16),
    (VALUES.half(), BF16, tl.bfloat16),
    (torch.tensor([0, 1, -1, 257, 259, 1000003, -70000, 2**31 - 1], dtype=torch.int32), BF16, tl.bfloat16),
    (torch.tensor([0, 1, 255, 128], dtype=torch.uint8), BF16, tl.bfloat16),
    (VALUES.to(BF16), F32, tl.float32),
    (VALUES.to(BF16), torch.float64, tl.float64),
    (VALUES.to(BF16), torch.float16, tl.float16),
    (torch.tensor([0.0, 2.7, -2.7, 1e6]).to(BF16), torch.int32, tl.int32),
]


@pytest.mark.parametrize(("x", "to", "TO"), CASTS, ids=[f"{x.dtype}-{to}" for x, to, _ in CASTS])
def test_casts_are_those_of_torch(x: Tensor, to: torch.dtype, TO: tl.dtype) -> None:
    y = torch.empty(x.shape, dtype=to)
    launch(blocks.cast, (1,), x, y, N=len(x), TO=TO)
    torch.testing.assert_close(y, x.to(to), rtol=0, atol=0, equal_nan=True)


def _sum_of_pairs(x: Tensor) -> Tensor:
    while len(x) > 1:
        x = x[0::2] + x[1::2]
    return x.float()


POINT_THREE = torch.tensor(0.3).to(BF16)
OPERATIONS: dict[str, tuple[torch.dtype, Callable[[Tensor, Tensor, Tensor], Tensor]]] = {
    "add": (BF16, lambda a, b, c: a + b),
    "subtract": (BF16, lambda a, b, c: a - b),
    "multiply": (BF16, lambda a, b, c: a * b),
    "divide": (BF16, lambda a, b, c: a / b),
    "negate": (BF16, lambda a, b, c: -a),
    "abs": (BF16, lambda a, b, c: a.abs()),
    "maximum": (BF16, lambda a, b, c: torch.maximum(a, b)),
    "minimum": (BF16, lambda a, b, c: torch.minimum(a, b)),
    "clamp": (BF16, lambda a, b, c: a.clamp(-0.5, 0.5)),
    "fma": (BF16, lambda a, b, c: (a.float() * b.float() + c.float()).to(BF16)),
    "where": (BF16, lambda a, b, c: torch.where(a > b, a, c)),
    "less": (F32, lambda a, b, c: (a < b).float()),
    "scalars": (BF16, lambda a, b, c: 2 * a + POINT_THREE),
    "full": (BF16, lambda a, b, c: POINT_THREE + a),
    "sum": (F32, lambda a, b, c: _sum_of_pairs(a).expand(N)),
    "max": (F32, lambda a, b, c: a.float().max().expand(N)),
    "cumsum": (F32, lambda a, b, c: a.float().cumsum(0)),
    "masked": (BF16, lambda a, b, c: torch.cat([a[: N // 2], POINT_THREE.expand(N // 2)])),
}


@pytest.mark.parametrize("what", OPERATIONS)
def test_bfloat16_computes_as_torch_does(what: str) -> None:
    dtype, expected = OPERATIONS[what]
    x, y, z = (_random(N, dtype=BF16, seed=seed) for seed in range(3))
    out = torch.full((N,), torch.nan, dtype=dtype)
    launch(blocks.compute, (1,), x, y, z, out, N=N, WHAT=what)
    torch.testing.assert_close(out, expected(x, y, z), rtol=1e-6 if dtype == F32 else 0, atol=0)


@pytest.mark.parametrize("dtype", [BF16, torch.float16, F32], ids=str)
def test_dot_accumulates_in_float32(dtype: torch.dtype) -> None:
    x, y = _random(32, 32, dtype=dtype), _random(32, 32, dtype=dtype, seed=1)
    out = torch.full((32, 32), torch.nan)
    launch(blocks.product, (1,), x, y, out, N=32)
    torch.testing.assert_close(out.double(), x.double() @ y.double(), rtol=1e-5, atol=1e-5)


def test_atomics_with_bfloat16_raise() -> None:
    x = torch.ones(8, dtype=BF16)
    with pytest.raises(Exception, match="atomics with bfloat16 are not interpreted"):
        launch(blocks.add_atomically, (1,), x, torch.zeros_like(x), N=8)


def test_atomics_with_float32_work() -> None:
    total = torch.ones(8)
    launch(blocks.add_atomically, (2,), torch.full((8,), 2.0), total, N=8)
    assert total.tolist() == [5.0] * 8


def test_unknown_version_of_triton_names_the_tested_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(triton, "__version__", "9.9.0")
    with pytest.raises(UnsupportedError, match=r"9\.9\.0 is not known here; tested versions: 3\.7\.1"):
        interpreting.install()


def test_interpreted_kernel_does_not_compile() -> None:
    with pytest.raises(UsageError, match=r"blocks:scale was made while TRITON_INTERPRET was set"):
        specialize(TritonLaunch(blocks.scale, (1,), (torch.zeros(4), torch.zeros(4), 4, 2.0), 4, 2, {"BLOCK": 4}))
