"""Every kernel of the two ops is its definition, in values and in gradients."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.specs import KernelSpec, OpSpec
from harness_s4 import plugin
from harness_s4.s4_kernel import cauchy
from harness_s4.s4d_kernel import cpu, parallel

OPS = {op.name: op for op in plugin.harness_ops()}
# Those for a GPU are checked where they can run: on one, and in emulation.
KERNELS = {(kernel.op, kernel.name): kernel for kernel in plugin.harness_kernels() if "cpu" in kernel.devices}
FAST = pytest.mark.parametrize("name", ["torch", "cpu"])
LENGTHS = pytest.mark.parametrize("length", [1, 2, 3, 16, 29, 64, 105])
CASES = [
    pytest.param(op, kernel, size, id=f"{op.name}-{kernel.name}-{size['length']}")
    for op in OPS.values()
    for kernel in KERNELS.values()
    for size in op.sizes
    if kernel.op == op.name
]


def inputs(op: OpSpec, size: Mapping[str, Any], dtype: torch.dtype) -> list[Any]:
    return list(op.make_inputs.load()(size, torch.Generator().manual_seed(3), dtype))


def value_and_gradients(kernel: KernelSpec, arguments: list[Any], dtype: torch.dtype) -> list[Tensor]:
    """The value, and the gradient of its sum with fixed random weights by each tensor, computed in `dtype`."""
    *tensors, length = arguments
    leaves = [tensor.detach().to(dtype).requires_grad_() for tensor in tensors]
    value = kernel.implementation.load()(*leaves, length)
    upstream = torch.randn(value.shape, generator=torch.Generator().manual_seed(4), dtype=torch.float64).to(dtype)
    return [value.detach(), *torch.autograd.grad((value * upstream).sum(), leaves)]


def relative_errors(got: list[Tensor], expected: list[Tensor]) -> list[float]:
    pairs = zip(got, expected, strict=True)
    # The smallest number keeps an exact zero against an exact zero at zero.
    return [((g.double() - e).norm() / (e.norm() + 1e-300)).item() for g, e in pairs]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize(("op", "kernel", "size"), CASES)
def test_kernel_is_within_the_declared_tolerance(
    op: OpSpec, kernel: KernelSpec, size: Mapping[str, Any], dtype: torch.dtype
) -> None:
    arguments = inputs(op, size, torch.float32)
    expected = value_and_gradients(KERNELS[op.name, "reference"], arguments, torch.float64)
    errors = relative_errors(value_and_gradients(kernel, arguments, dtype), expected)
    value_tolerance, gradient_tolerance = op.tolerances[str(dtype).removeprefix("torch.")]
    assert errors[0] < value_tolerance
    assert max(errors[1:]) < gradient_tolerance


@LENGTHS
@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_kernels_agree_at_any_length(op: OpSpec, length: int) -> None:
    arguments = inputs(op, {"features": 2, "modes": 8, "length": length}, torch.float64)
    expected, got = (KERNELS[op.name, name].implementation.load()(*arguments) for name in ("reference", "torch"))
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("length", [1, 4, 7])
@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_gradients_are_those_of_finite_differences(op: OpSpec, length: int) -> None:
    *tensors, length = inputs(op, {"features": 2, "modes": 2, "length": length}, torch.float64)
    tensors = [tensor.requires_grad_() for tensor in tensors]
    kernel = KERNELS[op.name, "torch"].implementation.load()
    assert torch.autograd.gradcheck(lambda *leaves: kernel(*leaves, length), tensors)


def test_reciprocal_sums_do_not_depend_on_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = inputs(OPS["s4_kernel"], {"features": 5, "modes": 4, "length": 12}, torch.float64)
    whole = value_and_gradients(KERNELS["s4_kernel", "torch"], arguments, torch.float64)
    monkeypatch.setattr(cauchy, "CHUNK", 2 * 4 * 7)
    chunked = value_and_gradients(KERNELS["s4_kernel", "torch"], arguments, torch.float64)
    assert max(relative_errors(chunked, whole)) < 1e-12


def test_reciprocal_sums_are_sums_over_complex_modes() -> None:
    draws = torch.Generator().manual_seed(5)
    a, w = (torch.rand(2, 3, generator=draws, dtype=torch.float64) + 0.1 for _ in range(2))
    weights = torch.randn(2, 4, 3, generator=draws, dtype=torch.float64)
    angles = torch.linspace(0, 1.5, 6, dtype=torch.float64)
    s, c = torch.sin(angles), torch.cos(angles)
    mode = 1j * s - c * torch.complex(-a, w)[..., None]
    conjugate = 1j * s - c * torch.complex(-a, -w)[..., None]
    expected = torch.einsum("dkn,dnf->dkf", weights.to(torch.complex128), 1 / (mode * conjugate))
    got = cauchy.reciprocal_sums(weights, a, w, s, c)
    torch.testing.assert_close(torch.view_as_complex(got), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("name", "module"), [("torch", parallel), ("cpu", cpu)], ids=["torch", "cpu"])
def test_the_two_factor_form_does_not_depend_on_the_chunks(
    name: str, module: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = inputs(OPS["s4d_kernel"], {"features": 5, "modes": 4, "length": 70}, torch.float64)
    whole = value_and_gradients(KERNELS["s4d_kernel", name], arguments, torch.float64)
    monkeypatch.setattr(module, "CHUNK", 1)
    chunked = value_and_gradients(KERNELS["s4d_kernel", name], arguments, torch.float64)
    assert max(relative_errors(chunked, whole)) < 1e-14


@FAST
def test_phases_keep_their_digits_over_many_turns(name: str) -> None:
    # Without decay, a mode of frequency w is a cosine for ever: after 16384 lags, 8000 turns.
    w, length = 3.0703125, 16384
    A = torch.tensor([[[0.0, w]]])
    K = KERNELS["s4d_kernel", name].implementation.load()(torch.ones(1), A, torch.tensor([[[0.5, 0.0]]]), length)
    expected = torch.cos(w * torch.arange(length, dtype=torch.float64))
    assert (K[0].double() - expected).abs().max() < 1e-6


@FAST
def test_modes_that_decay_within_a_lag_leave_the_first_one(name: str) -> None:
    A = torch.tensor([[[-1e4, 50.0]]])
    K = KERNELS["s4d_kernel", name].implementation.load()(torch.ones(1), A, torch.tensor([[[0.25, 2.0]]]), 300)
    assert K[0, 0] == 0.5
    assert not K[0, 1:].any()


def test_low_rank_input_weights_do_not_cancel() -> None:
    # B = sqrt(2) P is where HiPPO starts; with Woodbury's identity as it stands this was off by 9e-6.
    dt, A, P, _, C_tilde, length = inputs(OPS["s4_kernel"], {"features": 4, "modes": 16, "length": 130}, torch.float32)
    arguments = [dt, A, P, 2**0.5 * P, C_tilde, length]
    expected = value_and_gradients(KERNELS["s4_kernel", "reference"], arguments, torch.float64)
    errors = relative_errors(value_and_gradients(KERNELS["s4_kernel", "torch"], arguments, torch.float32), expected)
    assert errors[0] < 1e-6
    assert max(errors[1:]) < 1e-5


def test_without_a_low_rank_part_s4_is_a_diagonal_model() -> None:
    dt, A, P, B, C_tilde, length = inputs(OPS["s4_kernel"], {"features": 2, "modes": 5, "length": 33}, torch.float64)
    arguments = [dt, A, torch.zeros_like(P), B, C_tilde, length]
    expected, got = (KERNELS["s4_kernel", name].implementation.load()(*arguments) for name in ("reference", "torch"))
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("length", [1024, 16384])
def test_costs_are_those_of_the_roofline(length: int) -> None:
    *tensors, _ = inputs(OPS["s4d_kernel"], {"features": 6, "modes": 7, "length": 2}, torch.float32)
    work = OPS["s4d_kernel"].costs.load()(*tensors, length).forward  # type: ignore[union-attr]
    assert (work.bytes, work.flops, work.exponentials) == (4 * 6 * length, 2 * 2 * 7 * 6 * length, 0)
    *tensors, _ = inputs(OPS["s4_kernel"], {"features": 6, "modes": 7, "length": 2}, torch.float32)
    work = OPS["s4_kernel"].costs.load()(*tensors, length).forward  # type: ignore[union-attr]
    terms = 6 * 7 * length / 2
    assert (work.flops, work.exponentials) == (2 * 24 * terms, terms)


@pytest.mark.parametrize("op", OPS.values(), ids=OPS)
def test_flops_grow_in_proportion_to_the_features(op: OpSpec) -> None:
    count = op.flops.load()  # type: ignore[union-attr]
    small, large = (
        count(*inputs(op, {"features": features, "modes": 4, "length": 32}, torch.float32)) for features in (4, 8)
    )
    assert large == 2 * small > 0
