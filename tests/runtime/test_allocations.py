"""Memory of a call equals what the shapes say, and every byte of it is of some kind."""

import pytest
import torch
from torch import nn

from harness.kernels.loading import load_kernels
from harness.planning.resolution import resolve_kernels
from harness.registry import load_registry
from harness.runtime.allocations import measure_memory
from harness_mamba.config import MambaConfig
from harness_mamba.model import MambaBlock
from harness_sequence.self_attention import SelfAttention

CPU = torch.device("cpu")
FLOAT = 4


class Attention(nn.Module):
    """Attention that keeps all its weights."""

    def __init__(self, d_model, num_heads):
        super().__init__()
        self.qkv = nn.Linear(d_model, 3 * d_model, bias=False)
        self.out = nn.Linear(d_model, d_model, bias=False)
        self.num_heads = num_heads

    def forward(self, x):
        length, width = x.shape
        q, k, v = self.qkv(x).view(length, 3, self.num_heads, -1).permute(1, 2, 0, 3)
        mixed = (q @ k.transpose(-1, -2)).softmax(-1) @ v
        return self.out(mixed.transpose(0, 1).reshape(length, width))


def step_of(module, x, optimizer=None):
    """A step of training towards nothing, made once."""
    towards = torch.ones_like(module(x).detach())

    def step():
        module.zero_grad(set_to_none=True)
        module(x).backward(towards)
        if optimizer is not None:
            optimizer.step()

    step()
    return step


def test_a_linear_layer_takes_weights_gradients_moments_and_its_output():
    layer = nn.Linear(256, 512)
    step = step_of(layer, torch.randn(300, 256), torch.optim.AdamW(layer.parameters(), fused=True))
    use = measure_memory(step, layer, CPU)
    weights = FLOAT * (256 * 512 + 512)
    assert use.parameters == use.gradients == weights
    assert use.optimizer == pytest.approx(2 * weights, abs=64)
    assert use.activations == 0
    assert use.peak == pytest.approx(4 * weights + FLOAT * 300 * 512, rel=1e-4)


@pytest.mark.parametrize("length", [512, 1024])
def test_attention_takes_its_weights_and_two_gradients_of_that_size(length):
    width, heads = 64, 2
    attention = Attention(width, heads)
    use = measure_memory(step_of(attention, torch.randn(length, width)), attention, CPU)
    # In the backward pass of the softmax: weights and the gradients of weights and scores; queries, keys and values,
    # the output and the gradient of the values; the parameters and the gradient of the last layer's.
    expected = 3 * heads * length**2 + 5 * length * width + 5 * width**2
    assert use.peak == pytest.approx(FLOAT * expected, rel=0.005)
    assert use.activations == FLOAT * (heads * length**2 + 3 * length * width)


@pytest.mark.parametrize("heads", [2, 4])
def test_fused_attention_keeps_queries_keys_values_its_output_and_a_number_a_head_and_row(heads):
    registry = load_registry(())
    kernels, _ = resolve_kernels("torch", registry.models["transformer"].spec, "cpu", registry)
    length, width = 1024, 64
    layer = SelfAttention(width, heads, load_kernels(kernels, registry)["attention"], rotary=False)
    use = measure_memory(step_of(layer, torch.randn(1, length, width)), layer, CPU)
    assert use.activations == FLOAT * (4 * length * width + heads * length)


def test_a_mamba_block_takes_what_its_scan_needs_to_go_back():
    registry = load_registry(())
    kernels, _ = resolve_kernels("auto", registry.models["mamba"].spec, "cpu", registry)
    config, length, chunk = MambaConfig(d_model=64, num_layers=1), 2048, 32
    block = MambaBlock(config, load_kernels(kernels, registry))
    use = measure_memory(step_of(block, torch.randn(1, length, 64)), block, CPU)
    width, inner, states, rank = config.d_model, config.d_inner, config.d_state, config.rank
    # x normalised before and after its gain, x' and z, u, dt in low rank with B and C, dt, the chunks' states
    kept = 2 * width + 2 * inner + inner + rank + 2 * states + inner + inner * states / chunk
    # the output; gradients of y, u, dt, z, B and C; the chunks' states once more
    made = width + 4 * inner + 2 * states + inner * states / chunk
    assert use.activations == pytest.approx(FLOAT * length * kept, rel=0.01)
    assert use.peak == pytest.approx(use.parameters + FLOAT * length * (kept + made), rel=0.01)


def test_the_kinds_add_up_to_the_peak():
    layer = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64))
    step = step_of(layer, torch.randn(500, 64), torch.optim.AdamW(layer.parameters(), fused=True))
    use = measure_memory(step, layer, CPU)
    assert use.peak == use.parameters + use.gradients + use.optimizer + use.activations + use.workspace


@pytest.mark.parametrize("hidden", [1_000, 250_000])
def test_a_hidden_temporary_adds_its_size(hidden):
    layer = nn.Linear(8, 8)

    def step(extra):
        with torch.no_grad():
            x = torch.ones(4, 8)
            held = layer(x)
            torch.empty(extra + 1)
            return x, held

    peaks = []
    for extra in (0, hidden):
        step(extra)
        peaks.append(measure_memory(lambda extra=extra: step(extra), layer, CPU).peak)
    assert peaks[1] - peaks[0] == FLOAT * hidden


def test_what_is_kept_from_call_to_call_is_not_counted_twice():
    layer = nn.Linear(8, 8)
    held = []

    def leaking():
        held.append(torch.empty(1000))

    leaking()
    assert measure_memory(leaking, layer, CPU).peak - measure_memory(lambda: None, layer, CPU).peak == 2 * 4000


def test_views_and_tied_weights_count_once():
    tied = nn.Linear(100, 100, bias=False)
    both = nn.Sequential(tied, tied)
    use = measure_memory(step_of(both, torch.randn(50, 100)), both, CPU)
    assert use.parameters == FLOAT * 100 * 100
    # The first layer's output, which the second keeps; its input lay there before.
    assert use.activations <= FLOAT * 50 * 100


def test_gradients_that_nobody_clears_stay_counted():
    layer = nn.Linear(32, 32, bias=False)
    step_of(layer, torch.randn(5, 32))
    use = measure_memory(lambda: torch.zeros(1), layer, CPU)
    assert use.gradients == use.parameters
    assert use.peak == pytest.approx(2 * use.parameters + 4, abs=8)
