"""The device's functions, against float64 and against torch's own half precision."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "exp2f": torch.exp2,
    "__expf": torch.exp,
    "__logf": torch.log,
    "__fdividef": torch.reciprocal,
    "__frcp_rn": torch.reciprocal,
    "rsqrtf": torch.rsqrt,
    "__sinf": torch.sin,
    "__cosf": torch.cos,
    "fmaf": lambda x: x * x + x,
    "__ldg": lambda x: x,
    "__saturatef": lambda x: x.clamp(0, 1),
    "__powf": lambda x: x**1.5,
    "sincosf: sine": torch.sin,
    "sincosf: cosine": torch.cos,
    "sincospif: sine": lambda x: torch.sin(torch.pi * x),
    "sincospif: cosine": lambda x: torch.cos(torch.pi * x),
    "min": lambda x: x.clamp(max=1),
    "max": lambda x: x.clamp(min=1),
    "normcdff": torch.special.ndtr,
    "log1pf": torch.log1p,
    "bits as an int": lambda x: x,
    "bits as an unsigned": lambda x: -x,
}


@pytest.fixture
def computed(run: Callable[..., None]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    x = torch.linspace(0.05, 5, 64)
    y = torch.full((len(FUNCTIONS), 64), torch.nan)
    run("arithmetic.cu", "functions", [x, y, 64], block=(64,))
    return x, dict(zip(FUNCTIONS, y, strict=True))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(computed: tuple[torch.Tensor, dict[str, torch.Tensor]], name: str) -> None:
    x, values = computed

    torch.testing.assert_close(values[name].double(), FUNCTIONS[name](x.double()), rtol=1e-6, atol=3e-7)


def test_words(run: Callable[..., None]) -> None:
    x = torch.tensor([0, 1, -1, 2, 12345, -98765, 2**31 - 1, -(2**31)], dtype=torch.int32)
    y = torch.full((7, 8), -1, dtype=torch.int32)

    run("arithmetic.cu", "words", [x, y, 8], block=(8,))

    bits = [f"{value & 0xFFFFFFFF:032b}" for value in x.tolist()]
    high = [(value & 0xFFFFFFFF) * 0x9E3779B9 >> 32 for value in x.tolist()]
    expected = [
        [text.count("1") for text in bits],
        [len(text) - len(text.lstrip("0")) for text in bits],
        [(len(text) - text.rindex("1")) if "1" in text else 0 for text in bits],
        [int(text[::-1], 2) for text in bits],
        high,
        [min(value, 7) + max(value, -7) for value in x.tolist()],
        (x[:-2] * 0.5).round().int().tolist(),
    ]
    assert [[value & 0xFFFFFFFF for value in row] for row in y.tolist()[:6]] == [
        [value & 0xFFFFFFFF for value in row] for row in expected[:6]
    ]
    assert y[6, :6].tolist() == expected[6]


def test_half_precision_rounds_as_torch_does(run: Callable[..., None]) -> None:
    n = 64
    halves, brains = torch.randn(n).half(), torch.randn(n).bfloat16()
    y, z = (torch.full((5, n), torch.nan, dtype=x.dtype) for x in (halves, brains))

    run("arithmetic.cu", "halves", [halves, y, brains, z, n], block=(n,))

    def expected(x: torch.Tensor) -> torch.Tensor:
        other, exact = x.flip(0), x.double()
        fused = exact * exact + exact.flip(0)
        return torch.stack(
            [x + other, x * other, (x.float() / 3).to(x.dtype), fused.to(x.dtype), exact.exp().to(x.dtype)]
        )

    assert torch.equal(y, expected(halves))
    assert torch.equal(z, expected(brains))
