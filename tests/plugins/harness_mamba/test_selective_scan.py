"""The kernels of `selective_scan` that a CPU runs: every option, laws that they obey, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.errors import UnsupportedError, UsageError
from harness_mamba import plugin
from harness_mamba.selective_scan import reference
from harness_mamba.selective_scan.op import costs, flops, make_inputs

Kernel = Callable[..., tuple[Tensor, Tensor]]

ARGUMENTS = ("u", "dt", "A", "B", "C", "D", "z", "dt_bias", "dt_softplus", "initial_state")
TENSORS = tuple(name for name in ARGUMENTS if name != "dt_softplus")
KERNELS = {
    spec.name: spec.implementation
    for spec in plugin.harness_kernels()
    if spec.op == "selective_scan" and "cpu" in spec.devices
}
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
OPTIONS = {
    "all": {"initial_state": True},
    "a block's": {},
    "none": {"skip": False, "gate": False, "dt_bias": False, "softplus": False},
    "gate": {"skip": False, "dt_bias": False, "softplus": False},
    "skip": {"gate": False, "dt_bias": False, "softplus": False},
    "bias": {"skip": False, "gate": False, "softplus": False},
    "softplus": {"skip": False, "gate": False, "dt_bias": False},
    "state": {"skip": False, "gate": False, "dt_bias": False, "softplus": False, "initial_state": True},
}


@pytest.fixture(params=FAST)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return KERNELS[request.param].load()


def inputs_of(size: dict[str, int], dtype: torch.dtype, **options: bool) -> tuple[Any, ...]:
    return make_inputs({**size, **options}, torch.Generator().manual_seed(0), dtype)


def value_and_gradients(kernel: Kernel, inputs: tuple[Any, ...], autocast: bool = False) -> tuple[Tensor, ...]:
    """Output, last state, and the gradients of both under weights that differ from place to place."""
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        outputs = kernel(*inputs)
    generator = torch.Generator().manual_seed(1)
    weights = [torch.randn(value.shape, generator=generator, dtype=torch.float64).to(value.dtype) for value in outputs]
    differentiable = [value for value in inputs if isinstance(value, Tensor) and value.requires_grad]
    return *(value.detach() for value in outputs), *torch.autograd.grad(outputs, differentiable, weights)


def relative_errors(got: tuple[Tensor, ...], expected: tuple[Tensor, ...]) -> list[float]:
    tiny = torch.finfo(torch.float64).tiny
    return [
        float((ours.double() - theirs).norm() / theirs.norm().clamp_min(tiny))
        for ours, theirs in zip(got, expected, strict=True)
    ]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_kernel_equals_the_loop_in_float64(kernel: Kernel, size: dict[str, int]) -> None:
    inputs = inputs_of(size, torch.float64, initial_state=True)
    expected = value_and_gradients(reference.selective_scan, inputs)
    assert max(relative_errors(value_and_gradients(kernel, inputs), expected)) < 4e-14


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_every_option_equals_the_loop(kernel: Kernel, options: dict[str, bool]) -> None:
    inputs = inputs_of(SIZES["prime everywhere"], torch.float64, **options)
    expected = value_and_gradients(reference.selective_scan, inputs)
    assert max(relative_errors(value_and_gradients(kernel, inputs), expected)) < 4e-14


def test_gradients_equal_finite_differences(kernel: Kernel) -> None:
    inputs = inputs_of({"batch": 2, "length": 5, "channels": 3, "states": 2}, torch.float64, initial_state=True)
    assert torch.autograd.gradcheck(kernel, inputs)


def test_one_channel_and_state_is_the_closed_form(kernel: Kernel) -> None:
    # With constant u, dt, B and C the state is a geometric series: y_t = dt (1 - a^t) / (1 - a) + D, a = exp(dt A).
    length, dt = 50, 0.1
    ones = torch.ones(1, length, 1, dtype=torch.float64)
    rate, skip = torch.tensor([[-2.0]], dtype=torch.float64), torch.tensor([0.5], dtype=torch.float64)
    steps = torch.arange(1, length + 1, dtype=torch.float64)
    series = dt * (1 - torch.exp(-0.2 * steps)) / (1 - math.exp(-0.2))
    y, last = kernel(ones, dt * ones, rate, ones, ones, skip)
    torch.testing.assert_close(y[0, :, 0], series + 0.5)
    torch.testing.assert_close(last[0, 0, 0], series[-1])


@pytest.mark.parametrize("cut", [1, 17, 32, 36])
def test_state_handed_on_continues_the_sequence(kernel: Kernel, cut: int) -> None:
    u, dt, A, B, C, D, z, bias, softplus, state = inputs_of(
        SIZES["prime everywhere"], torch.float64, initial_state=True
    )
    whole, last = kernel(u, dt, A, B, C, D, z, bias, softplus, state)
    before = slice(None, cut), slice(cut, None)
    parts = []
    for part in before:
        y, state = kernel(u[:, part], dt[:, part], A, B[:, part], C[:, part], D, z[:, part], bias, softplus, state)
        parts.append(y)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
    torch.testing.assert_close(state, last)


def test_options_are_what_is_around_the_scan(kernel: Kernel) -> None:
    u, dt, A, B, C, D, z, bias, _, state = inputs_of(SIZES["prime everywhere"], torch.float64, initial_state=True)
    fused, last = kernel(u, dt, A, B, C, D, z, bias, True, state)
    positive = torch.nn.functional.softplus(dt + bias)
    plain, plain_last = kernel(u, positive, A, B, C, None, None, None, False, state)
    torch.testing.assert_close(fused, (plain + D * u) * torch.nn.functional.silu(z))
    torch.testing.assert_close(last, plain_last)


def test_gradient_of_the_last_state_alone(kernel: Kernel) -> None:
    inputs = inputs_of(SIZES["many chunks"], torch.float64, initial_state=True)
    read = [inputs[ARGUMENTS.index(name)] for name in ("u", "dt", "A", "B", "dt_bias", "initial_state")]
    expected = torch.autograd.grad(reference.selective_scan(*inputs)[1].square().sum(), read)
    assert max(relative_errors(torch.autograd.grad(kernel(*inputs)[1].square().sum(), read), expected)) < 1e-13


@pytest.mark.parametrize("largest", [1e2, 1e4, 1e30], ids=["1e2", "1e4", "1e30"])
def test_decay_that_underflows_forgets_and_stays_finite(kernel: Kernel, largest: float) -> None:
    size = {"batch": 1, "length": 40, "channels": 16, "states": 4}
    u, dt, *rest = inputs_of(size, torch.float32)
    dt = dt.detach().clone()
    dt[:, 20] = largest
    u = u.detach().clone()
    u[:, 20] = 1e-30
    inputs = (u.requires_grad_(), dt.requires_grad_(), *rest)
    expected = value_and_gradients(reference.selective_scan, inputs)
    errors = relative_errors(value_and_gradients(kernel, inputs), tuple(tensor.double() for tensor in expected))
    assert max(errors) < 1e-5


def test_step_of_zero_keeps_the_state(kernel: Kernel) -> None:
    size = {"batch": 1, "length": 9, "channels": 16, "states": 4}
    u, dt, A, B, C, *_ = inputs_of(size, torch.float64, **OPTIONS["none"])
    with torch.no_grad():
        dt[:, 4:] = 0.0
        C[:] = C[:, :1]
        y, last = kernel(u, dt, A, B, C)
        _, before = kernel(u[:, :4], dt[:, :4], A, B[:, :4], C[:, :4])
    torch.testing.assert_close(y[:, 4:], y[:, 3:4].expand(-1, 5, -1))
    torch.testing.assert_close(last, before)


def test_closed_gate_lets_nothing_through(kernel: Kernel) -> None:
    *before, z, bias, softplus, state = inputs_of(SIZES["prime everywhere"], torch.float32)
    y, _ = kernel(*before, torch.zeros_like(z), bias, softplus, state)
    assert not bool(y.any())


@pytest.mark.parametrize("name", ["u", "dt", "B", "C", "z"])
def test_nan_reaches_the_outputs_after_it_and_none_before(kernel: Kernel, name: str) -> None:
    inputs = detached(inputs_of(SIZES["prime everywhere"], torch.float32))
    inputs[ARGUMENTS.index(name)][:, 11] = math.nan
    y, _ = kernel(*inputs)
    assert (bool(y[:, :11].isnan().any()), bool(y[:, 11].isnan().all())) == (False, True)


@pytest.mark.parametrize("name", ["A", "D", "dt_bias", "initial_state"])
def test_nan_of_a_channel_stays_in_it(kernel: Kernel, name: str) -> None:
    inputs = detached(inputs_of(SIZES["prime everywhere"], torch.float32, initial_state=True))
    index = (0, 3) if name == "initial_state" else (3,)
    inputs[ARGUMENTS.index(name)][index] = math.nan
    y, _ = kernel(*inputs)
    assert y[0].isnan().any(0).nonzero().tolist() == [[3]]


def test_noncontiguous_arguments_give_the_same(kernel: Kernel) -> None:
    inputs = inputs_of(SIZES["prime everywhere"], torch.float64, initial_state=True)
    expected = value_and_gradients(kernel, inputs)
    strided = tuple(with_gaps(value) if isinstance(value, Tensor) else value for value in inputs)
    assert max(relative_errors(value_and_gradients(kernel, strided), expected)) < 1e-14


def test_gate_beside_the_input_of_the_convolution_is_read_where_it_is(kernel: Kernel) -> None:
    *before, z, bias, softplus, state = detached(inputs_of(SIZES["a chunk and one"], torch.float32))
    both = torch.cat((torch.full_like(z, math.nan), z), dim=-1)
    _, view = both.chunk(2, dim=-1)
    expected, got = kernel(*before, z, bias, softplus, state), kernel(*before, view, bias, softplus, state)
    torch.testing.assert_close(got, expected)


def test_expanded_gradient_of_the_output_is_accepted(kernel: Kernel) -> None:
    inputs = inputs_of(SIZES["prime everywhere"], torch.float64)
    tensors = [value for value in inputs if isinstance(value, Tensor)]
    expected = torch.autograd.grad(reference.selective_scan(*inputs)[0].sum(), tensors)
    got = torch.autograd.grad(kernel(*inputs)[0].sum(), tensors)
    assert max(relative_errors(got, expected)) < 1e-13


def test_recording_for_gradients_changes_no_bit(kernel: Kernel) -> None:
    inputs = inputs_of(SIZES["many chunks"], torch.float32)
    with torch.no_grad():
        alone = kernel(*inputs)
    assert all(torch.equal(one, other) for one, other in zip(alone, kernel(*inputs), strict=True))


@pytest.mark.parametrize("name", KERNELS)
def test_output_does_not_depend_on_later_input(name: str) -> None:
    inputs = inputs_of(SIZES["many chunks"], torch.float64)
    y, _ = KERNELS[name].load()(*inputs)
    sequences = [inputs[ARGUMENTS.index(argument)] for argument in ("u", "dt", "B", "C", "z")]
    gradients = torch.autograd.grad(y[:, 100].sum(), sequences)
    assert [bool(gradient[:, 101:].any()) for gradient in gradients] == [False] * 5


@pytest.mark.parametrize("name", TENSORS)
def test_gradient_of_one_argument_alone_is_the_same(kernel: Kernel, name: str) -> None:
    inputs = inputs_of(SIZES["prime everywhere"], torch.float64, initial_state=True)
    index = ARGUMENTS.index(name)
    alone = detached(inputs)
    alone[index].requires_grad_()
    (gradient,) = torch.autograd.grad(kernel(*alone)[0].sum(), alone[index])
    assert torch.equal(gradient, torch.autograd.grad(kernel(*inputs)[0].sum(), inputs[index])[0])


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16], ids=["float16", "bfloat16"])
def test_states_are_kept_in_float32_under_halves(name: str, half: torch.dtype) -> None:
    # A step of 2^-12 is lost beside one in eight or eleven bits; a thousand of them are not.
    length, small = 1024, 2.0**-12
    ones = torch.ones(1, length, 1, dtype=half)
    forever = torch.zeros(1, 1)
    start = torch.ones(1, 1, 1)
    y, last = KERNELS[name].load()(ones, small * ones, forever, ones, ones, None, None, None, False, start)
    assert (y.dtype, last.dtype, float(y[0, -1, 0]), float(last)) == (half, torch.float32, 1.25, 1.25)


@pytest.mark.parametrize("name", KERNELS)
def test_autocast_does_not_round_inside(name: str) -> None:
    kernel = KERNELS[name].load()
    inputs = inputs_of(SIZES["prime everywhere"], torch.float32)
    expected = tuple(value.double() for value in value_and_gradients(kernel, inputs))
    assert max(relative_errors(value_and_gradients(kernel, inputs, autocast=True), expected)) < 1e-6


@pytest.mark.parametrize("name", TENSORS)
def test_argument_of_another_shape_is_refused_by_name(kernel: Kernel, name: str) -> None:
    inputs = detached(inputs_of(SIZES["two steps"], torch.float32, initial_state=True))
    index = ARGUMENTS.index(name)
    inputs[index] = torch.cat((inputs[index], inputs[index]), dim=-1)
    # With another u or A it is the first of the others that does not fit.
    named = {"u": "dt", "A": "B"}.get(name, name)
    with pytest.raises(UsageError, match=rf"^selective_scan: {named} is \(.*ask for \(.*; reshape it$"):
        kernel(*inputs)


@pytest.mark.parametrize(
    ("name", "dtype", "allowed"),
    [
        ("dt", torch.float64, "dtype of u, and its device"),
        ("z", torch.bfloat16, "dtype of u, and its device"),
        ("A", torch.float64, "dtype of u or float32, and its device"),
        ("initial_state", torch.bfloat16, "dtype of u or float32, and its device"),
    ],
    ids=["dt", "z", "A", "initial_state"],
)
def test_argument_of_another_dtype_is_refused_by_name(
    kernel: Kernel, name: str, dtype: torch.dtype, allowed: str
) -> None:
    inputs = detached(inputs_of(SIZES["two steps"], torch.float32, initial_state=True))
    index = ARGUMENTS.index(name)
    inputs[index] = inputs[index].to(dtype)
    with pytest.raises(UsageError, match=rf"^selective_scan: {name} is {dtype} on cpu and u is .*{allowed}"):
        kernel(*inputs)


def test_argument_on_another_device_is_refused_by_name(kernel: Kernel) -> None:
    inputs = detached(inputs_of(SIZES["two steps"], torch.float32))
    inputs[ARGUMENTS.index("B")] = inputs[ARGUMENTS.index("B")].to("meta")
    with pytest.raises(UsageError, match=r"^selective_scan: B is torch\.float32 on meta and u is .* on cpu"):
        kernel(*inputs)


def test_empty_sequence_is_refused(kernel: Kernel) -> None:
    u, dt, A, B, C, *_ = inputs_of(SIZES["two steps"], torch.float32)
    with pytest.raises(UsageError, match="none of them empty"):
        kernel(u[:, :0], dt[:, :0], A, B[:, :0], C[:, :0])


def test_cpu_kernel_refuses_another_device_and_names_the_way_out() -> None:
    inputs = [value.to("meta") if isinstance(value, Tensor) else value for value in detached(inputs_of(
        SIZES["two steps"], torch.float32))]  # fmt: skip
    with pytest.raises(UnsupportedError, match=r"u is on meta; use kernel=selective_scan\.torch"):
        KERNELS["cpu"].load()(*inputs)


def test_loop_has_linear_cost_under_autograd() -> None:
    # The gradient of an indexed sequence would be as many tensors of the whole length as there are steps.
    inputs = inputs_of({"batch": 1, "length": 64, "channels": 4, "states": 2}, torch.float32)
    graph = reference.selective_scan(*inputs)[0].grad_fn
    seen, waiting, names = set(), [graph], []
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        names.append(node.name())
        waiting.extend(parent for parent, _ in node.next_functions)
    assert (names.count("UnbindBackward0"), names.count("SelectBackward0")) == (5, 0)


def test_flops_count_the_operations_of_one_forward_call() -> None:
    inputs = inputs_of({"batch": 2, "length": 3, "channels": 5, "states": 4}, torch.float32)
    assert flops(*inputs[:5]) == 2 * 3 * 5 * (7 * 4 + 1)
    assert flops(*inputs) == 2 * 3 * 5 * (7 * 4 + 12)


def test_costs_are_those_of_the_roofline() -> None:
    batch, length, channels, states = 2, 3, 5, 4
    inputs = inputs_of(
        {"batch": batch, "length": length, "channels": channels, "states": states}, torch.bfloat16, gate=False
    )
    wide, updates = 2 * batch * length * channels, batch * length * channels * states
    of = costs(*inputs)
    assert (of.forward.bytes, of.backward.bytes) == (3 * wide, 5 * wide)
    # Four and twelve instructions that take the time of a multiply-add, which counts as two operations.
    assert (of.forward.flops, of.backward.flops) == (2 * 4 * updates, 2 * 12 * updates)
    assert (of.forward.exponentials, of.backward.exponentials) == (updates, updates)


def test_gate_is_read_and_its_gradient_written() -> None:
    inputs = inputs_of(SIZES["two steps"], torch.float32)
    with_gate, without = costs(*inputs), costs(*inputs[:6])
    once = inputs[0].numel() * 4
    assert with_gate.forward.bytes - without.forward.bytes == once
    assert with_gate.backward.bytes - without.backward.bytes == 2 * once


def test_parameters_stay_float32_beside_halves() -> None:
    inputs = inputs_of(SIZES["two steps"], torch.bfloat16, initial_state=True)
    halves = {
        name for name, value in zip(ARGUMENTS, inputs, strict=True) if getattr(value, "dtype", 0) == torch.bfloat16
    }
    assert halves == {"u", "dt", "B", "C", "z"}


def detached(inputs: tuple[Any, ...]) -> list[Any]:
    return [value.detach() if isinstance(value, Tensor) else value for value in inputs]


def with_gaps(tensor: Tensor) -> Tensor:
    """Every second number of a tensor whose other numbers are NaN."""
    return torch.stack((tensor, tensor * math.nan), dim=-1).detach()[..., 0].requires_grad_()
