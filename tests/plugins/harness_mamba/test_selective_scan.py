"""Every kernel of `selective_scan` against its definition: values, all gradients, and the shapes and sizes that break
vectors, chunks and exponentials."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from harness.errors import UsageError
from harness_mamba import plugin
from harness_mamba.selective_scan import reference
from harness_mamba.selective_scan.compilation import compiled
from harness_mamba.selective_scan.op import make_inputs

Kernel = Callable[..., Tensor]

ARGUMENTS = ("u", "dt", "A", "B", "C", "D")
KERNELS = {spec.name: spec.implementation for spec in plugin.harness_kernels()}
FAST = ("torch", "cpu")
SIZES = {
    "one of everything": {"batch": 1, "length": 1, "channels": 1, "states": 1},
    "one step": {"batch": 3, "length": 1, "channels": 16, "states": 16},
    "two steps": {"batch": 2, "length": 2, "channels": 16, "states": 4},
    "prime everywhere": {"batch": 3, "length": 37, "channels": 19, "states": 5},
    "a chunk less one": {"batch": 1, "length": 31, "channels": 32, "states": 16},
    "a chunk": {"batch": 2, "length": 32, "channels": 32, "states": 16},
    "a chunk and one": {"batch": 1, "length": 33, "channels": 48, "states": 16},
    "many chunks": {"batch": 2, "length": 331, "channels": 20, "states": 7},
}


@pytest.fixture(params=FAST)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return KERNELS[request.param].load()


def inputs_of(size: dict[str, int], dtype: torch.dtype) -> tuple[Tensor, ...]:
    return make_inputs(size, torch.Generator().manual_seed(0), dtype)


def value_and_gradients(kernel: Kernel, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    y = kernel(*inputs)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64).to(y.dtype)
    return y.detach(), *torch.autograd.grad(y, inputs, weights)


def relative_errors(got: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> list[float]:
    tiny = torch.finfo(torch.float64).tiny
    return [
        float((ours.double() - theirs).norm() / theirs.norm().clamp_min(tiny))
        for ours, theirs in zip(got, expected, strict=True)
    ]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_kernel_equals_the_loop_in_float64(kernel: Kernel, size: dict[str, int]) -> None:
    inputs = inputs_of(size, torch.float64)
    expected = value_and_gradients(reference.selective_scan, inputs)
    assert max(relative_errors(value_and_gradients(kernel, inputs), expected)) < 2e-14


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_kernel_in_float32_is_near_the_loop_in_float64(kernel: Kernel, size: dict[str, int]) -> None:
    single = inputs_of(size, torch.float32)
    double = tuple(tensor.detach().double().requires_grad_() for tensor in single)
    (op,) = plugin.harness_ops()
    of_value, of_gradients = op.tolerances["float32"]
    value, *gradients = relative_errors(
        value_and_gradients(kernel, single), value_and_gradients(reference.selective_scan, double)
    )
    assert (value < of_value, max(gradients) < of_gradients) == (True, True), (value, gradients)


def test_gradients_equal_finite_differences(kernel: Kernel) -> None:
    inputs = inputs_of({"batch": 2, "length": 7, "channels": 3, "states": 2}, torch.float64)
    assert torch.autograd.gradcheck(kernel, inputs)


def test_one_channel_and_state_is_the_closed_form(kernel: Kernel) -> None:
    # With constant u, dt, B and C the state is a geometric series: y_t = dt (1 - a^t) / (1 - a) + D, a = exp(dt A).
    length, dt = 50, 0.1
    ones = torch.ones(1, length, 1, dtype=torch.float64)
    rate, skip = torch.tensor([[-2.0]], dtype=torch.float64), torch.tensor([0.5], dtype=torch.float64)
    steps = torch.arange(1, length + 1, dtype=torch.float64)
    expected = dt * (1 - torch.exp(-0.2 * steps)) / (1 - math.exp(-0.2)) + 0.5
    torch.testing.assert_close(kernel(ones, dt * ones, rate, ones, ones, skip)[0, :, 0], expected)


@pytest.mark.parametrize("largest", [1e2, 1e4, 1e30], ids=["1e2", "1e4", "1e30"])
def test_decay_that_underflows_forgets_and_stays_finite(kernel: Kernel, largest: float) -> None:
    u, dt, *rest = inputs_of({"batch": 1, "length": 40, "channels": 16, "states": 4}, torch.float32)
    dt = dt.detach().clone()
    dt[:, 20] = largest
    u = u.detach().clone()
    u[:, 20] = 1e-30
    inputs = (u.requires_grad_(), dt.requires_grad_(), *rest)
    expected = value_and_gradients(reference.selective_scan, inputs)
    errors = relative_errors(value_and_gradients(kernel, inputs), tuple(tensor.double() for tensor in expected))
    assert max(errors) < 1e-5


def test_step_of_zero_keeps_the_state(kernel: Kernel) -> None:
    u, dt, A, B, C, D = inputs_of({"batch": 1, "length": 9, "channels": 16, "states": 4}, torch.float64)
    with torch.no_grad():
        dt[:, 4:] = 0.0
        C[:] = C[:, :1]
        y = kernel(u, dt, A, B, C, torch.zeros_like(D))
    torch.testing.assert_close(y[:, 4:], y[:, 3:4].expand(-1, 5, -1))


@pytest.mark.parametrize("name", ["u", "dt", "B", "C"])
def test_nan_reaches_the_outputs_after_it_and_none_before(kernel: Kernel, name: str) -> None:
    inputs = [tensor.detach() for tensor in inputs_of(SIZES["prime everywhere"], torch.float32)]
    inputs[ARGUMENTS.index(name)][:, 11] = math.nan
    y = kernel(*inputs)
    assert (bool(y[:, :11].isnan().any()), bool(y[:, 11].isnan().all())) == (False, True)


def test_nan_in_a_rate_is_not_hidden(kernel: Kernel) -> None:
    u, dt, A, B, C, D = (tensor.detach() for tensor in inputs_of(SIZES["prime everywhere"], torch.float32))
    A[3, 2] = math.nan
    assert torch.equal(kernel(u, dt, A, B, C, D).isnan().any(1).any(0).nonzero(), torch.tensor([[3]]))


def test_noncontiguous_arguments_give_the_same(kernel: Kernel) -> None:
    inputs = inputs_of(SIZES["prime everywhere"], torch.float64)
    expected = value_and_gradients(kernel, inputs)
    # Every second number of a tensor whose other numbers are NaN.
    strided = tuple(torch.stack((tensor, tensor * math.nan), dim=-1).detach()[..., 0] for tensor in inputs)
    got = value_and_gradients(kernel, tuple(tensor.requires_grad_() for tensor in strided))
    assert max(relative_errors(got, expected)) < 1e-14


def test_expanded_gradient_of_the_output_is_accepted(kernel: Kernel) -> None:
    inputs = inputs_of(SIZES["prime everywhere"], torch.float64)
    expected = torch.autograd.grad(reference.selective_scan(*inputs).sum(), inputs)
    got = torch.autograd.grad(kernel(*inputs).sum(), inputs)
    assert max(relative_errors(got, expected)) < 1e-13


def test_arguments_are_left_as_they_were(kernel: Kernel) -> None:
    inputs = inputs_of(SIZES["many chunks"], torch.float32)
    before = [tensor.detach().clone() for tensor in inputs]
    value_and_gradients(kernel, inputs)
    assert all(torch.equal(tensor, old) for tensor, old in zip(inputs, before, strict=True))


def test_same_arguments_give_the_same_bits(kernel: Kernel) -> None:
    inputs = inputs_of(SIZES["many chunks"], torch.float32)
    first, second = value_and_gradients(kernel, inputs), value_and_gradients(kernel, inputs)
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_recording_for_gradients_changes_no_bit(kernel: Kernel) -> None:
    inputs = inputs_of(SIZES["many chunks"], torch.float32)
    with torch.no_grad():
        alone = kernel(*inputs)
    assert torch.equal(alone, kernel(*inputs))


@pytest.mark.parametrize("name", KERNELS)
def test_output_does_not_depend_on_later_input(name: str) -> None:
    inputs = inputs_of(SIZES["many chunks"], torch.float64)
    y = KERNELS[name].load()(*inputs)
    gradients = torch.autograd.grad(y[:, 100].sum(), (inputs[0], inputs[1], inputs[3], inputs[4]))
    assert [bool(gradient[:, 101:].any()) for gradient in gradients] == [False] * 4


@pytest.mark.parametrize("name", ARGUMENTS)
def test_gradient_of_one_argument_alone_is_the_same(kernel: Kernel, name: str) -> None:
    inputs = inputs_of(SIZES["prime everywhere"], torch.float64)
    index = ARGUMENTS.index(name)
    alone = [tensor.detach().requires_grad_(position == index) for position, tensor in enumerate(inputs)]
    (gradient,) = torch.autograd.grad(kernel(*alone).sum(), alone[index])
    assert torch.equal(gradient, torch.autograd.grad(kernel(*inputs).sum(), inputs)[index])


@pytest.mark.parametrize("name", ARGUMENTS)
def test_argument_of_another_shape_is_refused_by_name(kernel: Kernel, name: str) -> None:
    inputs = [tensor.detach() for tensor in inputs_of(SIZES["two steps"], torch.float32)]
    index = ARGUMENTS.index(name)
    inputs[index] = torch.cat((inputs[index], inputs[index]), dim=-1)
    with pytest.raises(UsageError, match=r"selective_scan: \w+ "):
        kernel(*inputs)


def test_mixed_dtypes_are_refused(kernel: Kernel) -> None:
    u, *rest = inputs_of(SIZES["two steps"], torch.float32)
    with pytest.raises(UsageError, match=r"dt is torch\.float32 on cpu and u is torch\.float64"):
        kernel(u.double(), *rest)


def test_empty_sequence_is_refused(kernel: Kernel) -> None:
    u, dt, A, B, C, D = inputs_of(SIZES["two steps"], torch.float32)
    with pytest.raises(UsageError, match="none of them empty"):
        kernel(u[:, :0], dt[:, :0], A, B[:, :0], C[:, :0], D)


def test_cpu_kernel_refuses_half_precision_and_names_the_way_out() -> None:
    inputs = inputs_of(SIZES["two steps"], torch.bfloat16)
    with pytest.raises(UsageError, match=r"bfloat16 on cpu; it takes .* or choose the kernel torch"):
        KERNELS["cpu"].load()(*inputs)


def test_loop_compiles_where_machine_code_cannot_be_kept() -> None:
    # numba refuses to keep the code of a function that no file holds.
    namespace: dict[str, Callable[..., None]] = {}
    exec("def fill(values: 'Array', count: 'int'):\n    for i in range(count):\n        values[i] = 7.0", namespace)
    values = torch.zeros(3)
    fill = namespace["fill"]
    fill.__annotations__ = {"values": "Array", "count": "int"}
    compiled(fill, torch.float32)(values.numpy(), 2)
    assert values.tolist() == [7.0, 7.0, 0.0]


def test_loop_has_linear_cost_under_autograd() -> None:
    # The gradient of an indexed sequence would be as many tensors of the whole length as there are steps.
    inputs = inputs_of({"batch": 1, "length": 64, "channels": 4, "states": 2}, torch.float32)
    graph = reference.selective_scan(*inputs).grad_fn
    seen, waiting, names = set(), [graph], []
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        names.append(node.name())
        waiting.extend(parent for parent, _ in node.next_functions)
    assert (names.count("UnbindBackward0"), names.count("SelectBackward0")) == (4, 0)


def test_flops_count_the_operations_of_one_forward_call() -> None:
    (op,) = plugin.harness_ops()
    inputs = inputs_of({"batch": 2, "length": 3, "channels": 5, "states": 4}, torch.float32)
    assert op.flops.load()(*inputs) == 2 * 3 * 5 * (7 * 4 + 3)


@pytest.mark.parametrize("size", plugin.harness_ops()[0].sizes, ids=str)
def test_inputs_of_the_gate_have_the_declared_shapes(size: dict[str, int]) -> None:
    u, _, A, B, *_ = inputs_of(size, torch.float64)
    got = {"batch": u.shape[0], "length": u.shape[1], "channels": A.shape[0], "states": B.shape[2]}
    assert got == size
