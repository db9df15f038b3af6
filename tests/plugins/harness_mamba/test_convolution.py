"""The causal convolution against torch's: values, gradients and steps of every kernel that runs on a CPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from harness.errors import UsageError
from harness_mamba import plugin
from harness_mamba.convolution import CausalConvolution

LENGTHS = [1, 2, 3, 4, 5, 17]
NAMES = ("reference", "torch", "cpu")


def kernels_named(name: str) -> dict[str, Callable[..., object]]:
    return {spec.op: spec.implementation.load() for spec in plugin.harness_kernels() if spec.name == name}


def convolution(channels: int, width: int, kernel: str) -> CausalConvolution:
    torch.manual_seed(0)
    return CausalConvolution(channels, width, kernels_named(kernel)).double()


def expected(conv: CausalConvolution, x: Tensor) -> Tensor:
    width, channels = conv.weight.shape
    filters = conv.weight.flip(0).t()[:, None]  # [D, 1, W], the oldest value's weight first
    convolved = nn.functional.conv1d(x.mT, filters, conv.bias, padding=width - 1, groups=channels)
    return nn.functional.silu(convolved[..., : x.shape[1]].mT)


@pytest.mark.parametrize("kernel", NAMES)
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("width", [1, 2, 4])
def test_convolution_equals_torchs(length: int, width: int, kernel: str) -> None:
    conv = convolution(5, width, kernel)
    x = torch.randn(2, length, 5, dtype=torch.float64)
    torch.testing.assert_close(conv(x), expected(conv, x))


@pytest.mark.parametrize("kernel", NAMES)
@pytest.mark.parametrize("channels", [5, 16, 37])
@pytest.mark.parametrize("length", LENGTHS)
def test_gradients_equal_torchs(length: int, channels: int, kernel: str) -> None:
    conv = convolution(channels, 4, kernel)
    x = torch.randn(2, length, channels, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, length, channels, dtype=torch.float64)
    of = (x, conv.weight, conv.bias)
    torch.testing.assert_close(
        torch.autograd.grad(conv(x), of, weights), torch.autograd.grad(expected(conv, x), of, weights)
    )


@pytest.mark.parametrize("kernel", NAMES)
@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("length", LENGTHS)
def test_steps_equal_the_whole(length: int, width: int, kernel: str) -> None:
    conv = convolution(21, width, kernel)
    x = torch.randn(2, length, 21, dtype=torch.float64)
    state, outputs = conv.initial_state(2), []
    with torch.no_grad():
        for x_t in x.unbind(1):
            y_t, state = conv.step(x_t, state)
            outputs.append(y_t)
        torch.testing.assert_close(torch.stack(outputs, dim=1), conv(x))


def test_rows_that_lie_apart_are_read_where_they_are() -> None:
    conv = convolution(16, 4, "cpu")
    wide = torch.randn(2, 9, 48, dtype=torch.float64)
    torch.testing.assert_close(conv(wide[..., 16:32]), conv(wide[..., 16:32].contiguous()), atol=0, rtol=0)


def test_rows_that_share_numbers_are_told_apart() -> None:
    conv = convolution(16, 4, "cpu")
    once = torch.randn(1, 1, 16, dtype=torch.float64)
    torch.testing.assert_close(conv(once.expand(3, 9, 16)), conv(once.repeat(3, 9, 1)), atol=0, rtol=0)


def test_initial_weights_are_those_of_conv1d() -> None:
    torch.manual_seed(0)
    conv = CausalConvolution(4096, 4, kernels_named("cpu"))
    drawn = torch.cat((conv.weight.flatten(), conv.bias)).detach()
    assert (float(drawn.abs().max()) <= 0.5, abs(float(drawn.std()) - 0.5 / 3**0.5) < 0.005) == (True, True)


@pytest.mark.parametrize("kernel", NAMES[1:])
@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        (0, torch.zeros(2, 5), r"x has the shape \(2, 5\).*\[batch, length, channels\]"),
        (0, torch.zeros(2, 0, 8), "none of them empty"),
        (1, torch.zeros(4, 7), r"weight is \(4, 7\).*for 8 channels"),
        (2, torch.zeros(7), r"bias \(7,\) for 8 channels"),
        (1, torch.zeros(4, 8).double(), r"weight is torch\.float64 on cpu and x is torch\.float32"),
        (2, torch.zeros(8, device="meta"), r"bias is torch\.float32 on meta"),
    ],
    ids=["two axes", "no steps", "weight of other channels", "bias of other channels", "dtype", "device"],
)
def test_wrong_argument_of_the_sequence_is_named(kernel: str, argument: int, value: Tensor, message: str) -> None:
    arguments: list[object] = [torch.zeros(2, 5, 8), torch.zeros(4, 8), torch.zeros(8), True]
    arguments[argument] = value
    with pytest.raises(UsageError, match=rf"^causal_conv1d: .*{message}"):
        kernels_named(kernel)["causal_conv1d"](*arguments)


@pytest.mark.parametrize("kernel", NAMES[1:])
@pytest.mark.parametrize(
    ("argument", "value", "message"),
    [
        (0, torch.zeros(2, 4, 8), r"past is \(2, 4, 8\).*ask for \(2, 3, 8\)"),
        (0, torch.zeros(2, 3, 8).bfloat16(), r"past is torch\.bfloat16.*past has the dtype of x"),
        (1, torch.zeros(2, 1, 8), r"x has the shape \(2, 1, 8\).*\[batch, channels\]"),
        (1, torch.zeros(0, 8), "none of them empty"),
        (2, torch.zeros(4, 7), r"weight is \(4, 7\)|past is \(2, 3, 8\)"),
        (3, torch.zeros(7), r"bias is \(7,\).*ask for \(8,\)"),
        (2, torch.zeros(4, 8).double(), r"weight is torch\.float64.*dtype of x or float32"),
    ],
    ids=["past of other lags", "past in halves", "three axes", "no sequence", "weight", "bias", "dtype"],
)
def test_wrong_argument_of_the_step_is_named(kernel: str, argument: int, value: Tensor, message: str) -> None:
    arguments: list[object] = [torch.zeros(2, 3, 8), torch.zeros(2, 8), torch.zeros(4, 8), torch.zeros(8), True]
    arguments[argument] = value
    with pytest.raises(UsageError, match=rf"^causal_conv1d_update: .*({message})"):
        kernels_named(kernel)["causal_conv1d_update"](*arguments)
