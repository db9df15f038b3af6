"""What the kernels do not take is refused with the op, the argument and what was expected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from harness.errors import UnsupportedError, UsageError
from harness_s4.s4_kernel import op as s4
from harness_s4.s4_kernel.parallel import s4_kernel
from harness_s4.s4d_kernel import cpu
from harness_s4.s4d_kernel import op as s4d
from harness_s4.s4d_kernel.parallel import s4d_kernel

FEATURES, MODES = 3, 4
CHECKS = {
    "s4d_kernel": s4d.check_arguments,
    "s4d_kernel on a CPU": cpu.check,
    "s4d_kernel on a GPU": s4d.check_single_precision,
    "s4_kernel": s4.check_arguments,
    "s4_kernel on a GPU": s4.check_single_precision,
}
CHECK = pytest.mark.parametrize("name", CHECKS)


def call(name: str, **changed: Any) -> None:
    """The check of that name with arguments of which some are exchanged."""
    modes = torch.full((FEATURES, MODES, 2), -1.0)
    names = ("A", "C") if name.startswith("s4d_kernel") else ("A", "P", "B", "C_tilde")
    arguments = {"dt": torch.full((FEATURES,), 0.1), **dict.fromkeys(names, modes), "length": 5} | changed
    check: Callable[..., Any] = CHECKS[name]
    check(*arguments.values())


@CHECK
def test_arguments_that_belong_together_are_taken(name: str) -> None:
    call(name)


@CHECK
@pytest.mark.parametrize("shape", [(FEATURES, MODES), (FEATURES, MODES, 3), (0, MODES, 2), (FEATURES, 0, 2)])
def test_modes_of_another_shape_are_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=rf"{name.split()[0]}: A has the shape .*it is \[features, modes, 2\]"):
        call(name, A=torch.zeros(shape))


@CHECK
def test_steps_for_other_features_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"dt has the shape \(2,\) for A of \(3, 4, 2\); it is \(3,\)"):
        call(name, dt=torch.ones(2))


@pytest.mark.parametrize(
    ("name", "argument"),
    [("s4d_kernel", "C"), ("s4_kernel", "P"), ("s4_kernel", "B"), ("s4_kernel", "C_tilde")],
)
def test_another_number_of_modes_is_refused(name: str, argument: str) -> None:
    expected = rf"{name}: {argument} has the shape \(3, 5, 2\) for A of \(3, 4, 2\); it is \(3, 4, 2\)"
    with pytest.raises(UsageError, match=expected):
        call(name, **{argument: torch.zeros(FEATURES, MODES + 1, 2)})


@CHECK
def test_mixed_dtypes_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"dt is torch.float64 on cpu and A is torch.float32 on cpu; all"):
        call(name, dt=torch.ones(FEATURES, dtype=torch.float64))


@CHECK
def test_mixed_devices_are_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"dt is torch.float32 on meta and A is torch.float32 on cpu; all"):
        call(name, dt=torch.ones(FEATURES, device="meta"))


@pytest.mark.parametrize("name", ["s4d_kernel", "s4_kernel"])
def test_half_precision_is_refused(name: str) -> None:
    halves = torch.zeros(FEATURES, MODES, 2, dtype=torch.bfloat16)
    names = ("A", "C") if name == "s4d_kernel" else ("A", "P", "B", "C_tilde")
    with pytest.raises(UsageError, match=rf"{name}: A is torch.bfloat16; .*need float32 or float64"):
        call(name, dt=halves[:, 0, 0], **dict.fromkeys(names, halves))


@pytest.mark.parametrize("name", ["s4d_kernel", "s4_kernel"])
def test_double_precision_is_not_for_the_gpu_kernels(name: str) -> None:
    doubles = torch.zeros(FEATURES, MODES, 2, dtype=torch.float64)
    names = ("A", "C") if name == "s4d_kernel" else ("A", "P", "B", "C_tilde")
    with pytest.raises(UnsupportedError, match=rf"{name}: A is torch.float64; .*use kernel={name}.torch"):
        call(f"{name} on a GPU", dt=doubles[:, 0, 0], **dict.fromkeys(names, doubles))


@CHECK
@pytest.mark.parametrize("length", [0, -3])
def test_a_kernel_without_lags_is_refused(name: str, length: int) -> None:
    with pytest.raises(UsageError, match=rf"length={length}; a kernel has at least one lag"):
        call(name, length=length)


def test_the_torch_kernels_check_their_arguments() -> None:
    modes = torch.full((FEATURES, MODES, 2), -1.0)
    with pytest.raises(UsageError, match="s4d_kernel: length=0"):
        s4d_kernel(torch.ones(FEATURES), modes, modes, 0)
    with pytest.raises(UsageError, match="s4_kernel: length=0"):
        s4_kernel(torch.ones(FEATURES), modes, modes, modes, modes, 0)


def test_the_cpu_kernel_is_for_the_cpu() -> None:
    modes = torch.full((FEATURES, MODES, 2), -1.0, device="meta")
    with pytest.raises(UnsupportedError, match=r"s4d_kernel: A is on meta; .*use kernel=s4d_kernel.torch"):
        cpu.check(torch.ones(FEATURES, device="meta"), modes, modes, 5)
