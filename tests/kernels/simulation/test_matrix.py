"""Tensor-core products and the copies that feed them: the simulator's twins, and that the originals compile."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from harness.kernels.cuda.compiling import compile_entry
from harness.kernels.cuda.simulation.simulator import Simulator
from harness.kernels.cuda.sources import CudaSource

ENTRIES = {"multiply_halves": torch.float16, "multiply_brains": torch.bfloat16}
LANES = torch.arange(32)


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("schedule", ["forward", "skew"])
@pytest.mark.parametrize("depth", [16, 48, 56])
def test_products_of_small_integers_are_exact(run: Callable[..., None], entry: str, schedule: str, depth: int) -> None:
    a = torch.randint(-4, 5, (32, depth)).to(ENTRIES[entry])
    b = torch.randint(-4, 5, (depth, 48)).to(ENTRIES[entry])
    c = torch.full((32, 48), torch.nan)

    simulator = Simulator(schedule=schedule)
    run("matrix.cu", entry, [a, b, c, 48, depth, True], grid=(3, 2), simulator=simulator)

    assert torch.equal(c, a.float() @ b.float())


def test_products_accumulate_in_float(run: Callable[..., None]) -> None:
    a, b = torch.randn(16, 512).bfloat16(), torch.randn(512, 16).bfloat16()
    c = torch.full((16, 16), torch.nan)

    run("matrix.cu", "multiply_brains", [a, b, c, 16, 512, True])

    expected = a.double() @ b.double()
    assert (c.double() - expected).norm() / expected.norm() < 1e-6


def test_a_missing_wait_for_copies_is_found(run: Callable[..., None]) -> None:
    a, b = torch.ones(16, 16).half(), torch.ones(16, 16).half()
    c = torch.zeros(16, 16)

    run("matrix.cu", "multiply_halves", [a, b, c, 16, 16, False])

    assert c.isnan().any()


def test_ldmatrix_has_the_layout_of_ptx(run: Callable[..., None]) -> None:
    """PTX ISA, ldmatrix: lane l receives of each matrix row l / 4, columns 2 (l % 4) and the next."""
    x = torch.arange(256, dtype=torch.int16)
    y = torch.full((2, 32, 4), -1, dtype=torch.int32)

    run("matrix.cu", "registers", [x, y])

    matrices = x.reshape(4, 8, 8).int()
    outer, inner = LANES // 4, 2 * (LANES % 4)
    plain = matrices[:, outer, inner] + (matrices[:, outer, inner + 1] << 16)
    transposed = matrices[:, inner, outer] + (matrices[:, inner + 1, outer] << 16)
    assert torch.equal(y, torch.stack([plain.T, transposed.T]))


def test_mma_has_the_layout_of_ptx(run: Callable[..., None]) -> None:
    """PTX ISA, fragments of mma.m16n8k16 with 16-bit elements, written out element by element."""
    a, b = torch.randint(-8, 9, (16, 16)).half(), torch.randint(-8, 9, (16, 8)).half()
    before = torch.randint(-8, 9, (16, 8)).float()
    g, t = (LANES // 4)[:, None], (LANES % 4)[:, None]
    eight, four = torch.arange(8), torch.arange(4)
    # Elements 0, 1, 4, 5 of A lie in row g, the others 8 below; those from 4 on lie 8 columns further.
    a_registers = a[g + 8 * (eight // 2 % 2), 2 * t + eight % 2 + 8 * (eight // 4)]
    b_registers = b[2 * t + four % 2 + 8 * (four // 2), g.expand(32, 4)]
    rows, columns = g + 8 * (four // 2), 2 * t + four % 2
    d = before[rows, columns].contiguous()

    run(
        "matrix.cu",
        "product",
        [a_registers.contiguous().view(torch.int32), b_registers.contiguous().view(torch.int32), d],
    )

    assert torch.equal(d, (a.float() @ b.float() + before)[rows, columns])


@pytest.mark.parametrize("arch", ["sm_80", "sm_90", "sm_100"])
@pytest.mark.parametrize("entry", [*ENTRIES, "registers"])
def test_the_originals_compile(run: Callable[..., None], arch: str, entry: str) -> None:
    compiled = compile_entry(CudaSource("simulation", "matrix.cu"), entry, arch)

    assert compiled.resources.spill_store_bytes == 0
