"""The op: laws of one segment's read and write, and streams of segments against the whole."""

import pytest
import torch

from harness_infini.infini_attention.reference import infini_attention
from harness_infini.infini_memory.joined import infini_memory as joined
from harness_infini.infini_memory.op import costs, flops
from harness_infini.infini_memory.reference import infini_memory as reference

KERNELS = pytest.mark.parametrize("kernel", [reference, joined], ids=["reference", "torch"])
MEMORIES = pytest.mark.parametrize("memory", ["linear", "delta"])
D_KEY, D_VALUE = 5, 4


def draw(length: int, seed: int = 0) -> list[torch.Tensor]:
    """q, k, v."""
    generator = torch.Generator().manual_seed(seed)
    widths = (D_KEY, D_KEY, D_VALUE)
    return [torch.randn(2, 3, length, width, generator=generator, dtype=torch.float64) for width in widths]


def empty() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(2, 3, D_KEY, D_VALUE).double(), torch.zeros(2, 3, D_KEY).double()


@KERNELS
@MEMORIES
def test_an_empty_memory_returns_nothing_and_takes_values_as_they_are(kernel, memory):
    q, k, v = draw(7)
    A_mem, M, z = kernel(q, k, v, *empty(), memory)
    features = torch.where(k > 0, k + 1, k.exp())
    assert A_mem.abs().max() == 0
    torch.testing.assert_close(M, torch.einsum("bhnk,bhnv->bhkv", features, v))
    torch.testing.assert_close(z, features.sum(2))


@KERNELS
@MEMORIES
def test_segment_after_segment_reads_what_infini_attention_reads(kernel, memory):
    q, k, v = draw(13)
    (M, z), reads = empty(), []
    for start in range(0, 13, 4):
        segment = slice(start, start + 4)
        A_mem, M, z = kernel(q[:, :, segment], k[:, :, segment], v[:, :, segment], M, z, memory)
        reads.append(A_mem)
    only_memory = torch.full((3,), 1e3).double()
    expected = infini_attention(q, k, q, k, v, only_memory, 4, memory)
    torch.testing.assert_close(torch.cat(reads, 2), expected, atol=1e-12, rtol=0)


@KERNELS
def test_linear_writes_do_not_depend_on_how_tokens_are_cut(kernel):
    q, k, v = draw(12)
    _, M, z = kernel(q, k, v, *empty(), "linear")
    in_parts = empty()
    for start in range(0, 12, 3):
        segment = slice(start, start + 3)
        _, *in_parts = kernel(q[:, :, segment], k[:, :, segment], v[:, :, segment], *in_parts, "linear")
    torch.testing.assert_close(tuple(in_parts), (M, z))


@KERNELS
def test_delta_writes_nothing_for_what_is_stored_but_counts_it(kernel):
    _, k, v = (x[:, :, :1] for x in draw(1))
    _, M, z = kernel(k, k, v, *empty(), "delta")
    _, again_M, again_z = kernel(k, k, v, M, z, "delta")
    torch.testing.assert_close(again_M, M, atol=1e-12, rtol=0)
    torch.testing.assert_close(again_z, 2 * z)


@KERNELS
@MEMORIES
def test_gradients_are_those_of_finite_differences(kernel, memory):
    inputs = [x.requires_grad_() for x in (*draw(3), *kernel(*draw(6, seed=1), *empty(), memory)[1:])]
    assert torch.autograd.gradcheck(lambda *x: kernel(*x, memory), inputs)


@KERNELS
def test_states_stay_in_single_precision_beside_half_activations(kernel):
    q, k, v = (x.bfloat16() for x in draw(4))
    A_mem, M, z = kernel(q, k, v, *(x.float() for x in empty()), "delta")
    assert (A_mem.dtype, M.dtype, z.dtype) == (torch.bfloat16, torch.float32, torch.float32)


@pytest.mark.parametrize(("memory", "num_products"), [("linear", 2), ("delta", 3)])
def test_costs_count_each_product_of_a_token_with_the_memory(memory, num_products):
    q, k, v = draw(9)
    arguments = (q, k, v, *empty(), memory)
    assert flops(*arguments) == 2 * 2 * 3 * 9 * num_products * D_KEY * (D_VALUE + 1)
    work = costs(*arguments).forward
    assert work.matrix_flops == 2 * 2 * 3 * 9 * num_products * D_KEY * D_VALUE
    assert work.bytes == 8 * 2 * 3 * (9 * (2 * D_KEY + 2 * D_VALUE) + 2 * (D_KEY * D_VALUE + D_KEY))
