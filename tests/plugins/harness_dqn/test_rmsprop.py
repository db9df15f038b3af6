"""RMSProp: its formula, torch's where both agree, and any layout in memory."""

import pytest
import torch

from harness_dqn.rmsprop import CentredRmsProp, descend_by_operations, descend_in_one_pass


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(3,), (65_541,), (4, 3, 2, 2)], ids=str)
def test_without_a_constant_it_is_torchs(shape):
    ours, theirs = normal(*shape).requires_grad_(), normal(*shape).requires_grad_()
    optimiser = CentredRmsProp([ours], rate=0.1, decay=0.9, constant=1e-300)
    peer = torch.optim.RMSprop([theirs], lr=0.1, alpha=0.9, eps=0.0, centered=True)
    for step in range(3):
        ours.grad = normal(*shape, seed=step + 1)
        theirs.grad = ours.grad.clone()
        optimiser.step()
        peer.step()
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)


def test_the_constant_stands_under_the_root():
    weight = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    optimiser = CentredRmsProp([weight], rate=0.5, decay=0.95, constant=0.01)
    weight.grad = torch.tensor([2.0], dtype=torch.float64)
    optimiser.step()
    mean, square = 0.05 * 2, 0.05 * 4
    torch.testing.assert_close(weight.item(), 1 - 0.5 * 2 / (square - mean**2 + 0.01) ** 0.5)


def test_a_gradient_of_another_layout_is_the_same_gradient():
    plain = normal(4, 3, 2, 2).requires_grad_()
    other = normal(4, 3, 2, 2).to(memory_format=torch.channels_last).requires_grad_()
    gradient = normal(4, 3, 2, 2, seed=1)
    plain.grad, other.grad = gradient.clone(), gradient.clone()
    CentredRmsProp([plain], rate=0.1).step()
    CentredRmsProp([other], rate=0.1).step()
    torch.testing.assert_close(other, plain)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-14), (torch.float32, 1e-6)], ids=str)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=str)
def test_one_pass_does_what_the_operations_do(dtype, tolerance, layout):
    weights, gradients, means = (normal(4, 3, 2, 5, seed=seed).to(dtype, memory_format=layout) for seed in range(3))
    state = weights, gradients, means, means.square() + 1
    expected = [tensor.clone() for tensor in state]
    descend_by_operations(*expected, rate=0.1, decay=0.9, constant=0.01)
    descend_in_one_pass(*state, rate=0.1, decay=0.9, constant=0.01)
    torch.testing.assert_close(list(state), expected, rtol=tolerance, atol=tolerance)


def test_gradients_are_let_go():
    weight = normal(2).requires_grad_()
    weight.grad = normal(2, seed=1)
    CentredRmsProp([weight], rate=0.1).zero_grad()
    assert weight.grad is None
