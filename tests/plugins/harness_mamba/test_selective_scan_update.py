"""One token of the selective scan: as many updates are the sequence, and nothing given is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from harness.errors import UnsupportedError, UsageError
from harness_mamba import plugin
from harness_mamba.selective_scan import op as sequence
from harness_mamba.selective_scan import reference
from harness_mamba.selective_scan_update.op import costs, flops, make_inputs

Kernel = Callable[..., tuple[Tensor, Tensor]]

ARGUMENTS = ("state", "u", "dt", "A", "B", "C", "D", "z", "dt_bias", "dt_softplus")
TENSORS = tuple(name for name in ARGUMENTS if name != "dt_softplus")
KERNELS = {
    spec.name: spec.implementation
    for spec in plugin.harness_kernels()
    if spec.op == "selective_scan_update" and "cpu" in spec.devices
}
SIZES = {
    "whole vectors": {"channels": 32, "states": 16},
    "two vectors of states": {"channels": 16, "states": 32},
    "some channels left": {"channels": 37, "states": 16},
    "few channels": {"channels": 3, "states": 16},
    "few states": {"channels": 19, "states": 5},
    "one of each": {"channels": 1, "states": 1},
}


@pytest.fixture(params=KERNELS)
def kernel(request: pytest.FixtureRequest) -> Kernel:
    return KERNELS[request.param].load()


def inputs_of(size: dict[str, int], dtype: torch.dtype = torch.float32, **options: bool) -> list[Any]:
    inputs = make_inputs({"batch": 2, **size, **options}, torch.Generator().manual_seed(0), dtype)
    return [value.detach() if isinstance(value, Tensor) else value for value in inputs]


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
def test_updates_one_after_another_are_the_sequence(kernel: Kernel, size: dict[str, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = sequence.make_inputs({"batch": 2, "length": 9, **size, "initial_state": True}, generator, torch.float64)
    u, dt, A, B, C, D, z, bias, softplus, state = (v.detach() if isinstance(v, Tensor) else v for v in inputs)
    whole, last = reference.selective_scan(u, dt, A, B, C, D, z, bias, softplus, state)
    outputs = []
    for t in range(9):
        y, state = kernel(state, u[:, t], dt[:, t], A, B[:, t], C[:, t], D, z[:, t], bias, softplus)
        outputs.append(y)
    torch.testing.assert_close(torch.stack(outputs, dim=1), whole, atol=1e-13, rtol=1e-11)
    torch.testing.assert_close(state, last, atol=1e-13, rtol=1e-11)


@pytest.mark.parametrize("left_out", ["skip", "gate", "dt_bias", "softplus"])
def test_option_left_out_equals_the_definition(kernel: Kernel, left_out: str) -> None:
    inputs = inputs_of(SIZES["some channels left"], torch.float64, **{left_out: False})
    expected = KERNELS["reference"].load()(*inputs)
    torch.testing.assert_close(kernel(*inputs), expected, atol=1e-13, rtol=1e-11)


def test_state_is_not_changed_but_returned(kernel: Kernel) -> None:
    inputs = inputs_of(SIZES["whole vectors"])
    before = inputs[0].clone()
    _, after = kernel(*inputs)
    assert (torch.equal(inputs[0], before), bool((after != before).all())) == (True, True)


def test_state_is_float32_beside_halves(kernel: Kernel) -> None:
    y, after = kernel(*inputs_of(SIZES["whole vectors"], torch.bfloat16))
    assert (y.dtype, after.dtype) == (torch.bfloat16, torch.float32)


@pytest.mark.parametrize("kernel", ["torch", "cpu"], indirect=True)
@pytest.mark.parametrize("name", TENSORS)
def test_argument_of_another_shape_is_refused_by_name(kernel: Kernel, name: str) -> None:
    inputs = inputs_of(SIZES["whole vectors"])
    index = ARGUMENTS.index(name)
    inputs[index] = torch.cat((inputs[index], inputs[index]), dim=-1)
    # With another u or A it is the first of the others that does not fit.
    named = {"u": "dt", "A": "B"}.get(name, name)
    with pytest.raises(UsageError, match=rf"^selective_scan_update: {named} is \(.*ask for \(.*; reshape it$"):
        kernel(*inputs)


def test_cpu_kernel_refuses_another_device_and_names_the_way_out() -> None:
    inputs = [v.to("meta") if isinstance(v, Tensor) else v for v in inputs_of(SIZES["whole vectors"])]
    with pytest.raises(UnsupportedError, match=r"u is on meta; use kernel=selective_scan_update\.torch"):
        KERNELS["cpu"].load()(*inputs)


def test_state_is_read_and_written_besides_what_a_sequence_of_one_moves() -> None:
    inputs = inputs_of(SIZES["whole vectors"], torch.bfloat16)
    once = inputs[1].numel() * 2
    assert costs(*inputs).forward.bytes == 4 * once + 2 * 4 * inputs[0].numel()
    assert flops(*inputs) == inputs[1].numel() * (7 * 16 + 12)
