"""Operations of a call equal closed forms, whichever kernel runs."""

import pytest
import torch
from torch import nn

from harness.kernels.loading import load_kernels
from harness.planning.resolution import resolve_kernels
from harness.registry import load_registry
from harness.runtime.operations import count_operations
from harness_mamba.config import MambaConfig
from harness_mamba.model import MambaBlock
from harness_sequence.self_attention import SelfAttention

LENGTH, WIDTH, HEADS = 96, 32, 4


@pytest.fixture(scope="module")
def registry():
    return load_registry(())


def kernels_of(model, requested, registry):
    chosen, reason = resolve_kernels(requested, registry.models[model].spec, "cpu", registry)
    assert not reason
    return load_kernels(chosen, registry)


def backward_of(module, x):
    def call():
        module.zero_grad()
        module(x).sum().backward()

    return call


def test_a_linear_layer_has_one_product_forward_and_two_back():
    layer = nn.Linear(40, 50)
    x = torch.randn(30, 40, requires_grad=True)
    product = 2 * 30 * 40 * 50
    assert count_operations(lambda: layer(x.detach()), []) == product
    assert count_operations(backward_of(layer, x), []) == 3 * product


@pytest.mark.parametrize("kernel", ["reference", "torch"])
def test_attention_has_four_projections_and_two_products_of_visible_pairs(kernel, registry):
    kernels = kernels_of("transformer", kernel, registry)
    layer = SelfAttention(WIDTH, HEADS, kernels["attention"], rotary=False)
    x = torch.randn(1, LENGTH, WIDTH, requires_grad=True)
    projections = 4 * 2 * LENGTH * WIDTH**2
    pairs = LENGTH * (LENGTH + 1) / 2
    attention = 2 * 2 * pairs * WIDTH
    with torch.no_grad():
        assert count_operations(lambda: layer(x), kernels.values()) == projections + attention
    # Back: twice the projections, and five products in place of two, since weights are computed again; one
    # exponential for each head and pair stands beside.
    ratio = (5 * 2 * pairs * WIDTH + HEADS * pairs) / (2 * 2 * pairs * WIDTH + HEADS * pairs)
    both = count_operations(backward_of(layer, x), kernels.values())
    assert both == pytest.approx(3 * projections + attention * (1 + ratio), rel=1e-9)


@pytest.mark.parametrize("kernel", ["cpu", "torch"])
def test_a_mamba_block_has_its_projections_its_convolution_and_its_scan(kernel, registry):
    kernels = kernels_of("mamba", kernel, registry)
    config = MambaConfig(d_model=WIDTH, num_layers=1)
    block = MambaBlock(config, kernels)
    x = torch.randn(1, LENGTH, WIDTH)
    inner, states, rank = config.d_inner, config.d_state, config.rank
    projections = 2 * LENGTH * (WIDTH * 2 * inner + inner * (rank + 2 * states) + rank * inner + inner * WIDTH)
    # dt u, D u (two), bias, softplus (three), gate (five) a channel; seven a state
    scan = LENGTH * inner * (7 * states + 1 + 2 + 1 + 3 + 5)
    convolution = 2 * LENGTH * inner * config.d_conv
    with torch.no_grad():
        counted = count_operations(lambda: block(x), kernels.values())
    assert counted == pytest.approx(projections + scan + convolution, rel=0.02)


def test_counting_changes_neither_values_nor_gradients(registry):
    kernels = kernels_of("mamba", "cpu", registry)
    block = MambaBlock(MambaConfig(d_model=WIDTH, num_layers=1), kernels)
    x = torch.randn(1, LENGTH, WIDTH)
    call = backward_of(block, x)
    call()
    plain = [parameter.grad.clone() for parameter in block.parameters()]
    count_operations(call, kernels.values())
    counted = [parameter.grad for parameter in block.parameters()]
    torch.testing.assert_close(counted, plain, rtol=0, atol=0)


def test_kernels_are_themselves_again_after_a_failure(registry):
    kernels = kernels_of("transformer", "torch", registry)
    before = kernels["attention"].function

    def fails():
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        count_operations(fails, kernels.values())
    assert kernels["attention"].function is before
