"""Softmax attention against torch's own layer, the laws of windows, groups and the cache, and what is refused."""

import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import nn
from torch.nn.attention.flex_attention import flex_attention

from harness.errors import UnsupportedError, UsageError
from harness.specs import Ref
from harness_sequence.attention import flex, fused, pinned, reference
from harness_sequence.attention.op import check_arguments, costs, flops, make_inputs
from harness_sequence.self_attention import SelfAttention

KERNELS = pytest.mark.parametrize("kernel", [reference.attention, fused.attention], ids=["reference", "torch"])


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
    for kernel in (reference.attention, fused.attention):
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
    pairs = int(reference.visible(queries, 11, causal, window, q.device).sum())
    assert flops(q, k, v, causal, window) == 2 * 2 * 3 * pairs * (4 + 5)


@pytest.mark.parametrize("rotary", [True, False], ids=["rotary", "plain"])
@pytest.mark.parametrize("window", [None, 1, 4], ids=lambda window: f"window{window}")
def test_stepping_equals_the_whole_sequence(rotary, window):
    torch.manual_seed(0)
    mixer = SelfAttention(12, 2, fused.attention, rotary=rotary, window=window).double()
    x, state, outputs = draw(2, 11, 12), mixer.initial_state(2), []
    for token in x.unbind(1):
        output, state = mixer.step(token, state)
        outputs.append(output)
    torch.testing.assert_close(torch.stack(outputs, 1), mixer(x), atol=1e-10, rtol=0)


def test_a_windows_cache_stops_growing():
    mixer = SelfAttention(12, 2, fused.attention, rotary=True, window=4)
    state = mixer.initial_state(2)
    for _ in range(9):
        _, state = mixer.step(torch.zeros(2, 12), state)
    ((keys, values, _),) = state
    assert keys.shape == values.shape == (2, 2, 4, 6)


def uncompiled_flex(q, k, v, causal, window):
    return flex.attend(flex_attention, q, k, v, causal, window)


IN_PROCESS = pytest.mark.parametrize(
    "kernel",
    [reference.attention, fused.attention, pinned.math, pinned.flash, uncompiled_flex],
    ids=["reference", "torch", "sdpa_math", "sdpa_flash", "flex_attention"],
)
# Compiling it for a CPU takes longer than all of these tests; the mask is what the adapter adds.
UNCOMPILED = pytest.mark.filterwarnings("ignore:flex_attention called without torch.compile")


@UNCOMPILED
@IN_PROCESS
@pytest.mark.parametrize("window", [None, 5], ids=["whole", "window"])
@pytest.mark.parametrize("kv_heads", [1, 2, 3], ids=lambda kv_heads: f"kv_heads{kv_heads}")
def test_a_group_of_queries_shares_its_head_of_keys(kernel, kv_heads, window):
    q = draw(2, 6, 13, 4, dtype=torch.float32)
    k, v = (draw(2, kv_heads, 13, 4, seed=seed, dtype=torch.float32) for seed in (1, 2))
    repeated = (x.repeat_interleave(6 // kv_heads, dim=1) for x in (k, v))
    torch.testing.assert_close(kernel(q, k, v, True, window), reference.attention(q, *repeated, True, window))


@UNCOMPILED
@IN_PROCESS
@pytest.mark.parametrize("causal", [True, False], ids=["causal", "full"])
@pytest.mark.parametrize(("queries", "window"), [(12, 1), (12, 4), (12, 50), (5, 4), (1, 3)], ids=str)
def test_a_window_is_a_mask_of_near_positions(kernel, queries, window, causal):
    q, k, v = (draw(1, 2, length, 4, seed=length, dtype=torch.float32) for length in (queries, 12, 12))
    seen = torch.tensor(
        [
            [abs(i - j) < window and (j <= i or not causal) for j in range(12)]
            for i in range(12 - queries, 12)
        ]
    )  # fmt: skip
    expected = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
    torch.testing.assert_close(kernel(q, k, v, causal, window), expected)


@pytest.mark.parametrize("window", [3, 4, 5], ids=lambda window: f"window{window}")
def test_grouped_queries_of_a_blocked_window_have_the_gradients_of_the_definition(window):
    inputs = [draw(2, heads, 16, 4, seed=heads).requires_grad_() for heads in (4, 2, 2)]
    found, expected = (
        torch.autograd.grad(kernel(*inputs, True, window).square().sum(), inputs)
        for kernel in (fused.attention, reference.attention)
    )
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("causal", [True, False], ids=["causal", "full"])
@pytest.mark.parametrize("window", [None, 1, 4], ids=lambda window: f"window{window}")
@pytest.mark.parametrize("queries", [1, 4, 9], ids=lambda queries: f"queries{queries}")
def test_flash_attn_gets_its_layout_and_an_inclusive_window(monkeypatch, queries, window, causal):
    def flash_attn_func(q, k, v, *, causal, window_size):
        """As its documentation says: [batch, length, heads, d], reach to the left and right, -1 for all."""
        left, right = (9 if reach < 0 else reach for reach in window_size)
        query, key = torch.arange(9 - q.shape[1], 9)[:, None], torch.arange(9)
        seen = (key >= query - left) & (key <= query + right)
        seen &= (key <= query) | (not causal)
        weights = torch.einsum("bqhd,bkhd->bhqk", q, k).div(2).masked_fill(~seen, -torch.inf).softmax(-1)
        return torch.einsum("bhqk,bkhd->bqhd", weights, v)

    stand_in = ModuleType("flash_attn")
    stand_in.flash_attn_func = flash_attn_func
    monkeypatch.setitem(sys.modules, "flash_attn", stand_in)
    monkeypatch.delitem(sys.modules, "harness_sequence.attention.flash_attn", raising=False)
    adapter = Ref("harness_sequence.attention.flash_attn:attention").load()
    monkeypatch.delitem(sys.modules, "harness_sequence.attention.flash_attn")
    q, k, v = (draw(2, 3, length, 4, seed=length) for length in (queries, 9, 9))
    expected = reference.attention(q, k, v, causal, window)
    torch.testing.assert_close(adapter(q, k, v, causal, window), expected)


def test_a_pinned_backend_gives_torchs_reason_and_computes_nothing_else():
    q, v = torch.zeros(1, 1, 4, 7), torch.zeros(1, 1, 4, 13)
    with pytest.raises(UnsupportedError, match=r"FLASH_ATTENTION backend refuses .* the same last dimension"):
        pinned.flash(q, q, v, False, None)


@pytest.mark.parametrize("kernel", [pinned.efficient, pinned.cudnn], ids=["efficient", "cudnn"])
def test_backends_that_a_cpu_lacks_are_refused(kernel):
    q = torch.zeros(1, 1, 4, 8)
    with pytest.raises(UnsupportedError, match=r"backend refuses .* on cpu"):
        kernel(q, q, q, False, None)


def inputs_of(**changed):
    parts = {"q": (2, 4, 5, 8), "k": (2, 2, 6, 8), "v": (2, 2, 6, 3)} | changed
    return [x if isinstance(x, torch.Tensor) else torch.zeros(x) for x in parts.values()]


BAD = {
    "rank": (inputs_of(q=(4, 5, 8)), True, None, "q has the shape (4, 5, 8); it is [batch, heads, length, d_head]"),
    "empty": (inputs_of(k=(2, 2, 0, 8)), True, None, "k has the shape (2, 2, 0, 8); it is [batch, heads, length"),
    "dtype": (
        inputs_of(v=torch.zeros(2, 2, 6, 3).half()),
        True,
        None,
        "v is torch.float16 on cpu and q is torch.float32",
    ),
    "integers": ([x.int() for x in inputs_of()], True, None, "q is torch.int32"),
    "device": (inputs_of(k=torch.zeros(2, 2, 6, 8, device="meta")), True, None, "k is torch.float32 on meta"),
    "batch": (inputs_of(q=(1, 4, 5, 8)), True, None, "they have one batch"),
    "lengths": (inputs_of(v=(2, 2, 7, 3)), True, None, "k and v the same heads and lengths"),
    "d_head": (inputs_of(q=(2, 4, 5, 7)), True, None, "q and k the same d_head"),
    "heads": (inputs_of(q=(2, 3, 5, 8)), True, None, "q has 3 heads and k has 2"),
    "window": (inputs_of(), True, 0, "window=0; a position sees at least itself; use 1 or more, or None"),
    "queries": (inputs_of(q=(2, 4, 7, 8)), True, None, "7 queries of 6 keys, causal=True"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
@pytest.mark.parametrize("kernel", [check_arguments, pinned.math], ids=["check", "sdpa_math"])
def test_bad_input_names_the_argument_and_what_was_expected(kernel, case):
    tensors, causal, window, message = case
    with pytest.raises(UsageError, match="attention: .*" + re.escape(message)):
        kernel(*tensors, causal, window)


def test_interpreted_triton_kernel():
    pytest.importorskip("triton")
    file = Path(__file__).parent / "files" / "interpreted_attention.py"
    # Triton's interpreter is chosen when a process starts. No conftest: its check of shapes would wrap the kernels.
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider", file],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("batch", "heads", "length", "d_head"), [(4, 32, 4096, 64), (4, 16, 4096, 128), (64, 12, 197, 64)], ids=str
)
def test_costs_are_those_of_the_roofline(batch, heads, length, d_head):
    x = torch.empty(batch, heads, length, d_head, dtype=torch.bfloat16, device="meta")
    pairs = batch * heads * length**2
    found = costs(x, x, x, False, None)
    assert found.forward.matrix_flops == 4 * pairs * d_head == flops(x, x, x, False, None)
    assert found.forward.exponentials == pairs
    assert found.forward.bytes == 4 * batch * heads * length * d_head * 2
    assert found.backward.matrix_flops == 2.5 * found.forward.matrix_flops


def test_more_queries_than_keys_see_every_key_and_cost_every_pair():
    q, k, v = (draw(2, 3, length, 4, seed=length) for length in (9, 5, 5))
    torch.testing.assert_close(fused.attention(q, k, v, False, None), reference.attention(q, k, v, False, None))
    assert flops(q, k, v, False, None) == 2 * 2 * 3 * (9 * 5) * (4 + 4)


def test_extreme_inputs_overflow_and_underflow_without_the_largest_score():
    size = {"batch": 1, "heads": 2, "queries": 31, "keys": 31, "d_head": 16, "causal": False, "window": None}
    q, k, *_ = make_inputs(size | {"values": "extreme"}, torch.Generator().manual_seed(0), torch.float32)
    sums = (q @ k.transpose(2, 3) / 4).exp().sum(-1)
    assert (sums[:, :, 0] == 0).all()
    assert sums[:, :, -1].isinf().all()
