"""The long convolution against numpy's."""

import math

import numpy as np
import pytest
import torch

from harness.errors import UsageError
from harness_sequence.long_conv import fourier, op, reference

KERNELS = pytest.mark.parametrize("kernel", [reference.long_conv, fourier.long_conv], ids=["reference", "torch"])
LENGTHS = pytest.mark.parametrize("length", [1, 2, 7, 31, 64], ids=lambda length: f"length{length}")


def draw(length: int, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(length)
    u = torch.randn(2, 3, length, generator=generator, dtype=dtype)
    return u.requires_grad_(), torch.randn(3, length, generator=generator, dtype=dtype).requires_grad_()


@KERNELS
@LENGTHS
def test_each_feature_is_numpys_convolution_cut_to_the_length(kernel, length):
    u, weights = draw(length)
    found = kernel(u, weights).detach().numpy()
    expected = [
        [
            np.convolve(signal, response)[:length]
            for signal, response in zip(example, weights.detach().numpy(), strict=True)
        ]
        for example in u.detach().numpy()
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)


@LENGTHS
def test_spectral_kernel_has_the_gradients_of_the_definition(length):
    inputs = draw(length)
    weight = torch.randn(2, 3, length, generator=torch.Generator().manual_seed(7), dtype=torch.float64)
    expected, found = (
        torch.autograd.grad(kernel(*inputs), inputs, weight) for kernel in (reference.long_conv, fourier.long_conv)
    )
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-10)


def test_the_end_does_not_wrap_round_to_the_start():
    u = torch.zeros(1, 1, 50)
    u[..., -1] = 1e4
    assert fourier.long_conv(u, torch.ones(1, 50))[..., :-1].abs().max() < 1e-2


def test_half_precision_signals_are_transformed_in_single_precision():
    u, weights = draw(64, torch.bfloat16)
    found = fourier.long_conv(u, weights)
    expected = reference.long_conv(u.double(), weights.double())
    assert found.dtype is torch.bfloat16
    assert (found - expected).norm() / expected.norm() < 2**-8


def test_flops_count_seven_transforms_for_three_examples_and_their_products():
    u, weights = torch.empty(3, 1, 64), torch.empty(1, 64)
    assert op.flops(u, weights) == 7 * 2.5 * 128 * math.log2(128) + 6 * 3 * 65


WRONG = {
    "length": ((2, 3, 8), (3, 9), torch.float32, "and kernel [features,"),
    "features": ((2, 3, 8), (4, 8), torch.float32, "and kernel [features,"),
    "empty": ((2, 3, 0), (3, 0), torch.float32, "none of them empty"),
    "dtype": ((2, 3, 8), (3, 8), torch.float64, "kernel has the dtype of u or float32"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_what_does_not_belong_together_is_refused(fault):
    shape, kernel_shape, dtype, expectation = WRONG[fault]
    with pytest.raises(UsageError, match="long_conv: ") as error:
        op.check_arguments(torch.zeros(shape), torch.zeros(kernel_shape, dtype=dtype))
    assert expectation in str(error.value)
