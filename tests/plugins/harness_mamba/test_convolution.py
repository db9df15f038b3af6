"""The causal convolution against torch's, and its written-out gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from harness_mamba.convolution import CausalConvolution

LENGTHS = [1, 2, 3, 4, 5, 17]


def expected(conv: CausalConvolution, x: Tensor) -> Tensor:
    width, channels = conv.weight.shape
    kernels = conv.weight.flip(0).t()[:, None]  # [D, 1, W], the oldest value's weight first
    return nn.functional.conv1d(x.mT, kernels, conv.bias, padding=width - 1, groups=channels)[..., : x.shape[1]].mT


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("width", [1, 2, 4])
def test_convolution_equals_torchs(length: int, width: int) -> None:
    torch.manual_seed(0)
    conv = CausalConvolution(5, width).double()
    x = torch.randn(2, length, 5, dtype=torch.float64)
    torch.testing.assert_close(conv(x), expected(conv, x))


@pytest.mark.parametrize("length", LENGTHS)
def test_gradients_equal_torchs(length: int) -> None:
    torch.manual_seed(0)
    conv = CausalConvolution(5, 4).double()
    x = torch.randn(2, length, 5, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, length, 5, dtype=torch.float64)
    of = (x, conv.weight, conv.bias)
    torch.testing.assert_close(
        torch.autograd.grad(conv(x), of, weights), torch.autograd.grad(expected(conv, x), of, weights)
    )


@pytest.mark.parametrize("length", LENGTHS)
def test_steps_equal_the_whole(length: int) -> None:
    torch.manual_seed(0)
    conv = CausalConvolution(5, 4).double()
    x = torch.randn(2, length, 5, dtype=torch.float64)
    state, outputs = conv.initial_state(2), []
    for x_t in x.unbind(1):
        y_t, state = conv.step(x_t, state)
        outputs.append(y_t)
    torch.testing.assert_close(torch.stack(outputs, dim=1), conv(x))


def test_initial_weights_are_those_of_conv1d() -> None:
    torch.manual_seed(0)
    conv = CausalConvolution(4096, 4)
    drawn = torch.cat((conv.weight.flatten(), conv.bias)).detach()
    assert (float(drawn.abs().max()) <= 0.5, abs(float(drawn.std()) - 0.5 / 3**0.5) < 0.005) == (True, True)
