"""Kernels that do what no kernel may: each ends with an error that has the entry, the file and the line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from harness.errors import KernelError
from harness.kernels.cuda.simulation.simulator import Schedule, Simulator

LINES = (Path(__file__).parent / "faults.cu").read_text().splitlines()
SCHEDULES: list[Schedule] = ["forward", "reverse", "random", "skew"]

# Each fault with the comment that marks its line, and what is said of it.
WITH_LINE = {
    0: ("barrier in one branch", r"threads 0 and 16 wait in different barriers.* at faults.cu:\d+"),
    1: ("barrier after return", r"__syncthreads\(\) is waited in after 1 of 32 threads returned, thread 7 among them"),
    2: ("shuffle in a branch", r"deadlock: lane 0 of warp 0 waits in __shfl_xor_sync\(\) .* in __syncthreads\(\)"),
    3: ("neighbour", r"lane \d+ is not in its own mask 0x0000ffff"),
    4: ("masks that differ", r"deadlock: lane 0 of warp 0 .* mask 0x0001ffff for lane 16"),
    5: ("index", r"index 32 is outside of 'float \[32\]'"),
    9: ("alignment", r"'struct float4' at an address that is no multiple of 16"),
    10: ("null", r"(null pointer|memory that is not there)"),
    11: ("division", r"division by zero"),
    12: ("sleep", r"sleeps forever"),
    13: ("assertion", r"the assertion `n == 2` does not hold"),
    15: ("row alignment", r"ldmatrix_x4 .* no multiple of 16"),
    16: ("row in global memory", r"ldmatrix_x4 .* outside of shared memory"),
    17: ("copy to global memory", r"cp_async_16 .* outside of shared memory"),
    18: ("part of a warp", r"ldmatrix_x4 needs all 32 lanes"),
    19: ("trap", r"__trap\(\) was reached"),
    20: ("width", r"the width is 12"),
    21: ("far away", r"memory that is not there"),
}
WITHOUT_LINE = {
    6: r"a store behind the end of the shared variable `kept` \(128 bytes\)",
    7: r"a store before the start of the shared variable `kept`",
    8: r"a store behind the end of dynamic shared memory \(128 bytes\)",
    14: r"(faults.cu:\d+: )?thread \d+ needs more than 65536 bytes of stack",
}


@pytest.fixture(params=SCHEDULES)
def simulator(request: pytest.FixtureRequest) -> Simulator:
    return Simulator(schedule=request.param)


def cause(run: Callable[..., None], which: int, simulator: Simulator) -> str:
    with pytest.raises(KernelError) as caught:
        run("faults.cu", "fault", [which, torch.zeros(32), 1, None], shared_bytes=128, simulator=simulator)
    assert simulator.launches == []
    return str(caught.value)


@pytest.mark.parametrize("which", WITH_LINE, ids=lambda which: WITH_LINE[which][0])
def test_the_line_is_named(run: Callable[..., None], which: int, simulator: Simulator) -> None:
    mark, said = WITH_LINE[which]
    line = next(number for number, text in enumerate(LINES, 1) if text.endswith(f"// {mark}"))

    assert re.match(rf"kernel faults.cu:fault: faults.cu:{line}: .*{said}", cause(run, which, simulator))


@pytest.mark.parametrize("which", WITHOUT_LINE)
def test_what_is_found_after_a_block(run: Callable[..., None], which: int, simulator: Simulator) -> None:
    assert re.match(rf"kernel faults.cu:fault: {WITHOUT_LINE[which]}", cause(run, which, simulator))


def test_a_launch_after_a_fault_is_right(run: Callable[..., None]) -> None:
    simulator = Simulator()
    cause(run, 1, simulator)

    run("faults.cu", "fault", [99, torch.zeros(32), 1, None], simulator=simulator)

    assert simulator.launches == [("faults.cu", "fault")]
