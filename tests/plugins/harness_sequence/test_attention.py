"""Softmax attention against torch's own layer, and the laws of its window and of its cache."""

import pytest
import torch
from torch import nn

from harness_sequence import attention
from harness_sequence.self_attention import SelfAttention

KERNELS = pytest.mark.parametrize("kernel", [attention.reference, attention.fused], ids=["reference", "torch"])


def draw(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def split(x: torch.Tensor, num_heads: int) -> torch.Tensor:
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


@KERNELS
@pytest.mark.parametrize("causal", [True, False], ids=["causal", "full"])
@pytest.mark.parametrize("length", [1, 13, 32], ids=lambda length: f"length{length}")
def test_attention_equals_torchs_multi_head_layer(kernel, causal, length):
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(24, 4, batch_first=True)
    nn.init.normal_(layer.in_proj_bias)
    x = draw(2, length, 24, dtype=torch.float32)
    mask = torch.ones(length, length, dtype=torch.bool).triu(1) if causal else None
    expected, _ = layer(x, x, x, attn_mask=mask)
    q, k, v = (
        split(part, 4) for part in nn.functional.linear(x, layer.in_proj_weight, layer.in_proj_bias).chunk(3, -1)
    )
    found = layer.out_proj(kernel(q, k, v, causal, None).transpose(1, 2).flatten(2))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@KERNELS
def test_self_attention_equals_torchs_layer_with_its_weights(kernel):
    torch.manual_seed(0)
    layer = nn.MultiheadAttention(24, 3, batch_first=True)
    mixer = SelfAttention(24, 3, kernel, rotary=False)
    with torch.no_grad():
        mixer.qkv.weight.copy_(layer.in_proj_weight)
        mixer.qkv.bias.copy_(layer.in_proj_bias.normal_())
        mixer.out.load_state_dict(layer.out_proj.state_dict())
    x = draw(2, 17, 24, dtype=torch.float32)
    expected, _ = layer(x, x, x, attn_mask=torch.ones(17, 17, dtype=torch.bool).triu(1))
    torch.testing.assert_close(mixer(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("window", [None, 1, 4, 8, 50], ids=lambda window: f"window{window}")
@pytest.mark.parametrize("causal", [True, False], ids=["causal", "full"])
@pytest.mark.parametrize("queries", [1, 6, 37], ids=lambda queries: f"queries{queries}")
def test_fused_kernel_has_the_values_and_gradients_of_the_definition(queries, causal, window):
    inputs = [draw(2, 3, length, 4, seed=seed).requires_grad_() for seed, length in enumerate((queries, 37, 37))]
    weight = draw(2, 3, queries, 4, seed=9)
    results = []
    for kernel in (attention.reference, attention.fused):
        output = kernel(*inputs, causal, window)
        results.append((output, *torch.autograd.grad(output, inputs, weight)))
    torch.testing.assert_close(results[1], results[0], atol=1e-12, rtol=1e-10)


@KERNELS
@pytest.mark.parametrize(("length", "window"), [(12, 3), (12, 5), (7, 7), (9, 1)], ids=str)
def test_a_windows_last_query_sees_exactly_the_last_keys(kernel, length, window):
    q, k, v = (draw(1, 1, length, 4, seed=seed) for seed in range(3))
    v.requires_grad_()
    (gradient,) = torch.autograd.grad(kernel(q, k, v, True, window)[0, 0, -1].sum(), v)
    seen = gradient[0, 0].abs().sum(-1) > 0
    assert seen.nonzero().flatten().tolist() == list(range(length - window, length))


@KERNELS
def test_fewer_queries_than_keys_are_the_last_ones(kernel):
    q, k, v = (draw(2, 2, 10, 4, seed=seed) for seed in range(3))
    torch.testing.assert_close(kernel(q[:, :, -3:], k, v, True, 4), kernel(q, k, v, True, 4)[:, :, -3:])


@pytest.mark.parametrize("window", [None, 3], ids=["whole", "window"])
@pytest.mark.parametrize("causal", [True, False], ids=["causal", "full"])
@pytest.mark.parametrize("queries", [1, 11], ids=["one", "all"])
def test_flops_count_two_products_for_every_visible_pair(queries, causal, window):
    q, k, v = torch.empty(2, 3, queries, 4), torch.empty(2, 3, 11, 4), torch.empty(2, 3, 11, 5)
    pairs = int(attention.visible(queries, 11, causal, window, q.device).sum())
    assert attention.flops(q, k, v, causal, window) == 2 * 2 * 3 * pairs * (4 + 5)


@pytest.mark.parametrize("rotary", [True, False], ids=["rotary", "plain"])
@pytest.mark.parametrize("window", [None, 1, 4], ids=lambda window: f"window{window}")
def test_stepping_equals_the_whole_sequence(rotary, window):
    torch.manual_seed(0)
    mixer = SelfAttention(12, 2, attention.fused, rotary=rotary, window=window).double()
    x, state, outputs = draw(2, 11, 12), mixer.initial_state(2), []
    for token in x.unbind(1):
        output, state = mixer.step(token, state)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, 1), mixer(x), atol=1e-10, rtol=0)


def test_a_windows_cache_stops_growing():
    mixer = SelfAttention(12, 2, attention.fused, rotary=True, window=4)
    state = mixer.initial_state(2)
    for _ in range(9):
        _, state = mixer.step(torch.zeros(2, 12), state)
    assert state[0].shape == state[1].shape == (2, 2, 4, 6)
