"""The dense layer: a linear layer, whichever library runs it, and which runs where."""

import pytest
import torch
import torch.nn.functional as F

from harness_dqn.dense import Dense, runs_in_onednn


@pytest.mark.parametrize("batch", [1, 5])
def test_gradients_are_those_of_a_linear_layer_in_double_precision(batch):
    torch.manual_seed(0)
    layer, inputs = Dense(70, 30), torch.randn(batch, 70, requires_grad=True)
    given = [inputs, layer.weight, layer.bias]
    weights = torch.randn(batch, 30, dtype=torch.float64)
    doubles = [tensor.detach().double().requires_grad_() for tensor in given]
    found = torch.autograd.grad((layer(inputs) * weights.float()).sum(), given)
    expected = torch.autograd.grad((F.linear(*doubles) * weights).sum(), doubles)
    torch.testing.assert_close([tensor.double() for tensor in found], list(expected), rtol=1e-5, atol=1e-5)


def test_values_are_those_of_a_linear_layer_in_double_precision():
    torch.manual_seed(0)
    layer, inputs = Dense(70, 30), torch.randn(5, 70)
    expected = F.linear(inputs.double(), layer.weight.double(), layer.bias.double())
    torch.testing.assert_close(layer(inputs).double(), expected, rtol=1e-5, atol=1e-5)


def test_an_input_that_wants_no_gradient_leaves_those_of_the_weights():
    layer, inputs = Dense(7, 3), torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    layer(inputs).sum().backward()
    torch.testing.assert_close(layer.weight.grad, inputs.sum(dim=0).expand(3, 7))


@pytest.mark.parametrize(
    ("inputs", "weight"),
    [
        (torch.zeros(1, 7), torch.zeros(3, 7)),
        (torch.zeros(5, 7, dtype=torch.float64), torch.zeros(3, 7, dtype=torch.float64)),
        (torch.zeros(5, 7, device="meta"), torch.zeros(3, 7, device="meta")),
    ],
    ids=["one-example", "double-precision", "another-device"],
)
def test_torch_runs_what_onednn_does_not_speed_up(inputs, weight):
    assert not runs_in_onednn(inputs, weight)
