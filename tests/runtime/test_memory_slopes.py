"""How a training step's memory grows with the length, whatever else it takes."""

import math
from functools import partial

import pytest
import torch

from harness.configuration import parse_config
from harness.interfaces import TokenData
from harness.kernels.loading import load_kernels
from harness.planning.resolution import resolve_kernels
from harness.registry import load_registry
from harness.runtime.allocations import measure_memory

LENGTHS = (512, 1024, 2048)
LINEAR = ("mamba", "s4", "s4d", "linear_attention", "local_attention", "infini_attention")


@pytest.fixture(scope="module")
def registry():
    return load_registry(())


def step(module, tokens):
    module.zero_grad(set_to_none=True)
    module(tokens).sum().backward()


def peak_bytes(model, kernel, length, registry):
    spec = registry.models[model].spec
    chosen, reason = resolve_kernels(kernel, spec, "cpu", registry)
    assert not reason
    config = parse_config(spec.config.load(), {"d_model": 32, "num_layers": 1}, model)
    module = spec.build.load()(config, TokenData(vocab=16, length=length), load_kernels(chosen, registry))
    call = partial(step, module, torch.zeros(1, length, dtype=torch.long))
    call()
    return measure_memory(call, module, torch.device("cpu")).peak


def exponent(model, kernel, registry):
    """s of a + b L^s through three lengths, each twice the one before: then differences grow by 2^s."""
    first, second, third = (peak_bytes(model, kernel, length, registry) for length in LENGTHS)
    return math.log2((third - second) / (second - first))


def test_attention_that_keeps_its_weights_grows_with_the_square_of_the_length(registry):
    assert exponent("transformer", "reference", registry) == pytest.approx(2, abs=0.05)


def test_fused_attention_grows_with_the_length(registry):
    assert exponent("transformer", "torch", registry) == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("model", LINEAR)
def test_the_linear_models_grow_with_the_length(model, registry):
    assert exponent(model, "auto", registry) == pytest.approx(1, abs=0.1)
