"""The op: its definition against sums without segments, and its fast form against the definition."""

import pytest
import torch

from harness_infini.infini_attention.op import flops
from harness_infini.infini_attention.parallel import infini_attention as parallel
from harness_infini.infini_attention.reference import infini_attention as reference

KERNELS = pytest.mark.parametrize("kernel", [reference, parallel], ids=["reference", "torch"])
MEMORIES = pytest.mark.parametrize("memory", ["linear", "delta"])
LENGTH = 13
SEGMENTS = pytest.mark.parametrize("segment_length", [1, 4, 12, 13, 20], ids=lambda length: f"segment{length}")
ONLY_MEMORY, ONLY_LOCAL = torch.full((2,), 1e3).double(), torch.full((2,), -1e3).double()


def draw(length: int = LENGTH) -> list[torch.Tensor]:
    """local_q, local_k, q, k, v."""
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(2, 2, length, 6, generator=generator, dtype=torch.float64) for _ in range(5)]


def positive(x: torch.Tensor) -> torch.Tensor:
    return torch.where(x > 0, x + 1, x.exp())


@KERNELS
@SEGMENTS
def test_with_the_gate_at_memory_it_is_a_direct_sum_over_the_tokens_of_earlier_segments(kernel, segment_length):
    local_q, local_k, q, k, v = draw()
    token = torch.arange(LENGTH)
    earlier = token[None, :] < (token // segment_length * segment_length)[:, None]
    weights = torch.einsum("bhtd,bhsd->bhts", positive(q), positive(k)) * earlier
    expected = torch.nan_to_num(weights @ v / weights.sum(-1, keepdim=True), nan=0.0)
    found = kernel(local_q, local_k, q, k, v, ONLY_MEMORY, segment_length, "linear")
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)


@KERNELS
@MEMORIES
@SEGMENTS
def test_with_the_gate_at_local_it_is_attention_inside_segments(kernel, memory, segment_length):
    local_q, local_k, q, k, v = draw()
    token = torch.arange(LENGTH)
    seen = (token[None, :] <= token[:, None]) & (token[None, :] >= (token // segment_length * segment_length)[:, None])
    expected = torch.nn.functional.scaled_dot_product_attention(local_q, local_k, v, attn_mask=seen)
    found = kernel(local_q, local_k, q, k, v, ONLY_LOCAL, segment_length, memory)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=0)


@KERNELS
@MEMORIES
def test_the_gate_weighs_the_two(kernel, memory):
    inputs = draw()
    beta = torch.tensor([0.0, 1.5], dtype=torch.float64)
    local, remembered = (kernel(*inputs, only, 4, memory) for only in (ONLY_LOCAL, ONLY_MEMORY))
    gate = beta.sigmoid()[:, None, None]
    torch.testing.assert_close(kernel(*inputs, beta, 4, memory), gate * remembered + (1 - gate) * local)


@KERNELS
@MEMORIES
def test_the_first_segment_reads_nothing(kernel, memory):
    found = kernel(*draw(), ONLY_MEMORY, 4, memory)
    assert found[:, :, :4].abs().max() == 0
    assert found[:, :, 4].abs().min() > 0


@MEMORIES
@SEGMENTS
def test_fast_kernel_has_the_values_and_gradients_of_the_definition(memory, segment_length):
    inputs = [x.requires_grad_() for x in (*draw(), torch.tensor([0.3, -2.0], dtype=torch.float64))]
    weight = torch.randn(2, 2, LENGTH, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    results = []
    for kernel in (reference, parallel):
        output = kernel(*inputs, segment_length, memory)
        results.append((output, *torch.autograd.grad(output, inputs, weight, materialize_grads=True)))
    torch.testing.assert_close(results[1], results[0], atol=1e-11, rtol=1e-10)


@KERNELS
@pytest.mark.parametrize(("memory", "reads"), [("linear", [0, 1, 1, 1, 1]), ("delta", [0, 1, 0.5, 0.5, 0.5])], ids=str)
def test_writing_a_binding_twice_halves_what_delta_reads_for_good(kernel, memory, reads):
    key, value = (torch.tensor(row).double().expand(1, 2, 5, 3) for row in ([0.4, -1.0, 2.0], [1.0, -3.0, 0.5]))
    found = kernel(key, key, key, key, value, ONLY_MEMORY, 1, memory)
    expected = torch.tensor(reads, dtype=torch.float64)[:, None] * value
    torch.testing.assert_close(found, expected)


@KERNELS
@pytest.mark.parametrize(("memory", "last"), [("linear", (2 + 6) / 2), ("delta", (2 + 6 - 2) / 2)], ids=str)
def test_delta_stores_the_difference_from_what_it_reads(kernel, memory, last):
    # One feature of weight one: reads are the sum of what was written over the number of writes.
    ones = torch.zeros(1, 2, 3, 1, dtype=torch.float64)
    values = torch.tensor([2.0, 6.0, 0.0], dtype=torch.float64)[:, None].expand(1, 2, 3, 1)
    found = kernel(ones, ones, ones, ones, values, ONLY_MEMORY, 1, memory)[0, 0, :, 0]
    assert found.tolist() == [0.0, 2.0, last]


@KERNELS
def test_sums_over_many_segments_keep_single_precision(kernel):
    # In bfloat16 a sum of ones stops at 256.
    length = 1024
    same = torch.zeros(1, 2, length, 2, dtype=torch.bfloat16)
    values = (torch.arange(length) < length // 2).to(torch.bfloat16)[:, None].expand(1, 2, length, 1)
    found = kernel(same, same, same, same, values, ONLY_MEMORY.float(), 1, "linear")
    assert found[0, 0, -1].item() == pytest.approx(0.5, abs=0.01)


@KERNELS
def test_features_far_below_the_rounding_of_one_still_weigh(kernel):
    # exp(x) - 1 + 1 is 0 in float32 below x = -17; here weights are about exp(-50).
    local_q, local_k, q, k, v = draw()
    low = [x - 25 for x in (q, k)]
    expected = kernel(local_q, local_k, *low, v, ONLY_MEMORY, 4, "linear")
    found = kernel(*(x.float() for x in (local_q, local_k, *low, v, ONLY_MEMORY)), 4, "linear")
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=0)
    assert found[:, :, 4:].abs().min() > 0


@KERNELS
def test_weights_too_small_to_divide_by_count_as_none(kernel):
    # Weights of exp(-80) are numbers in float32, but their inverse times another feature need not be.
    local_q, local_k, q, k, v = (x.float() for x in draw())
    found = kernel(local_q, local_k, q * 0 - 40, k * 0 - 40, v, ONLY_MEMORY.float(), 4, "linear")
    assert found.abs().max() == 0


@KERNELS
@MEMORIES
def test_keys_whose_features_vanish_leave_finite_values_and_gradients(kernel, memory):
    local_q, local_k, *_, v = (x.float() for x in draw())
    q, k = torch.full((2, *v.shape), -99.0)
    inputs = [x.requires_grad_() for x in (local_q, local_k, q.clone(), k.clone(), v, torch.zeros(2))]
    output = kernel(*inputs, 4, memory)
    assert all(x.isfinite().all() for x in (output, *torch.autograd.grad(output.sum(), inputs)))


@pytest.mark.parametrize(("length", "segment_length"), [(1, 1), (12, 4), (13, 4), (5, 9)], ids=str)
@MEMORIES
def test_flops_count_what_each_token_does(length, segment_length, memory):
    q, v = torch.empty(2, 3, length, 5), torch.empty(2, 3, length, 6)
    last = (length - 1) // segment_length
    expected = 0
    for token in range(length):
        segment, place = divmod(token, segment_length)
        local = (place + 1) * (5 + 6)
        read, is_written = segment > 0, segment < last
        corrected = memory == "delta" and is_written and segment > 0
        expected += local + (read + is_written + corrected) * 5 * 7
    found = flops(q, q, q, q, v, torch.empty(3), segment_length, memory)
    assert found == 2 * 2 * 3 * expected
