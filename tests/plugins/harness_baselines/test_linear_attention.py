"""The op: a direct sum, and the chunked form against the loop over tokens."""

import pytest
import torch

from harness_baselines import linear_attention

KERNELS = pytest.mark.parametrize(
    "kernel", [linear_attention.reference, linear_attention.chunked], ids=["reference", "torch"]
)
LENGTHS = pytest.mark.parametrize("length", [1, 2, 63, 64, 65, 150], ids=lambda length: f"length{length}")


def draw(length: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(length)
    return [torch.randn(2, 2, length, 6, generator=generator, dtype=torch.float64) for _ in range(3)]


@KERNELS
@LENGTHS
def test_it_is_a_mean_of_values_weighted_by_products_of_features(kernel, length):
    q, k, v = draw(length)
    weights = ((torch.nn.functional.elu(q) + 1) @ (torch.nn.functional.elu(k) + 1).transpose(-1, -2)).tril()
    expected = weights / weights.sum(-1, keepdim=True) @ v
    torch.testing.assert_close(kernel(q, k, v), expected, atol=1e-12, rtol=0)


@LENGTHS
def test_chunked_kernel_has_the_values_and_gradients_of_the_definition(length):
    inputs = [x.requires_grad_() for x in draw(length)]
    weight = torch.randn(2, 2, length, 6, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    results = []
    for kernel in (linear_attention.reference, linear_attention.chunked):
        output = kernel(*inputs)
        results.append((output, *torch.autograd.grad(output, inputs, weight)))
    torch.testing.assert_close(results[1], results[0], atol=1e-12, rtol=1e-10)


@KERNELS
def test_equal_keys_give_the_mean_of_the_past(kernel):
    q, k, v = draw(9)
    expected = v.cumsum(2) / torch.arange(1, 10, dtype=torch.float64)[:, None]
    torch.testing.assert_close(kernel(q, torch.ones_like(k), v), expected)


def test_flops_count_a_write_and_a_read_for_each_token():
    q, v = torch.empty(2, 3, 7, 4), torch.empty(2, 3, 7, 5)
    assert linear_attention.flops(q, q, v) == 2 * 3 * 7 * (2 + 2) * 4 * 6
