"""The kernels of built models are those of dense real matrices that scipy discretises and numpy multiplies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.signal import cont2discrete

from harness.interfaces import Array, TokenData
from harness_s4.config import S4Config, S4DConfig
from harness_s4.hippo import legs_matrices, legs_normal_plus_low_rank
from harness_s4.s4_kernel import dense
from harness_sequence.stack import TokenModel


def powers(A: Array, B: Array, C: Array, dt: float, method: str, length: int) -> Array:
    """C Abar^i Bbar for i < length."""
    Abar, Bbar, *_ = cont2discrete((A, B[:, None], np.eye(len(A)), np.zeros((len(A), 1))), dt, method=method)
    return np.array([(C @ np.linalg.matrix_power(Abar, i) @ Bbar).item() for i in range(length)])


@pytest.mark.parametrize("kernel", ["reference", "torch"])
@pytest.mark.parametrize("length", [1, 7, 24, 60], ids=["one", "below_horizon", "horizon", "beyond_horizon"])
@pytest.mark.parametrize("d_state", [4, 16, 64])
def test_s4_kernel_is_that_of_the_dense_hippo_matrix(
    build: Callable[..., TokenModel], kernel: str, length: int, d_state: int
) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        model = build(S4Config(d_model=3, d_state=d_state), TokenData(vocab=2, length=24), kernel)
    finally:
        torch.set_default_dtype(torch.float32)
    layer = model.blocks[0].layer
    # Output weights chosen for the original coordinates; c V in those of the modes.
    C = np.random.default_rng(0).standard_normal(d_state)
    modes = C @ legs_normal_plus_low_rank(d_state).V
    pairs = torch.as_tensor(np.stack((modes.real, modes.imag), -1)).repeat(3, 1, 1)
    with torch.no_grad():
        Abar, _ = dense.bilinear(*layer._continuous())
        layer.C_tilde.copy_(dense.truncate(Abar, pairs, 24))
        got = layer.convolution_kernel(length).numpy()
    A, B = legs_matrices(d_state)
    expected = np.stack([powers(A, B, C, dt, "bilinear", length) for dt in layer.log_dt.detach().exp().tolist()])
    np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-8 * np.abs(expected).max())


@pytest.mark.parametrize("kernel", ["reference", "torch"])
@pytest.mark.parametrize("discretisation", ["zoh", "bilinear"])
@pytest.mark.parametrize("initialisation", ["lin", "inv", "legs", "real"])
def test_s4d_kernel_is_that_of_a_dense_real_matrix(
    build: Callable[..., TokenModel], kernel: str, discretisation: str, initialisation: str
) -> None:
    config = S4DConfig(d_model=3, d_state=16, initialisation=initialisation, discretisation=discretisation)
    layer = build(config, kernel=kernel).double().blocks[0].layer
    with torch.no_grad():
        got = layer.convolution_kernel(19).numpy()
        decay, frequency, C, steps = (
            part.numpy() for part in (layer.a_re.exp(), layer.a_im, layer.C, layer.log_dt.exp())
        )
    B = np.concatenate((np.ones(8), np.zeros(8)))
    expected = []
    for feature in range(3):
        a, w = np.diag(decay[feature]), np.diag(frequency[feature])
        A = np.block([[-a, -w], [w, -a]])
        row = np.concatenate((2 * C[feature, :, 0], -2 * C[feature, :, 1]))
        expected.append(powers(A, B, row, float(steps[feature]), discretisation, 19))
    np.testing.assert_allclose(got, np.stack(expected), rtol=1e-8, atol=1e-9)


def test_truncation_is_undone() -> None:
    draws = torch.Generator().manual_seed(0)
    A = torch.stack((torch.full((2, 4), -0.5), 3.0 * torch.arange(8.0).view(2, 4)), -1).double()
    P, B, C = (torch.randn(2, 4, 2, generator=draws, dtype=torch.float64) for _ in range(3))
    Abar, _ = dense.bilinear(torch.tensor([0.01, 0.1], dtype=torch.float64), A, P, B)
    torch.testing.assert_close(dense.untruncate(Abar, dense.truncate(Abar, C, 9), 9), C, rtol=1e-9, atol=1e-11)


def test_extension_is_truncation_at_the_longer_length() -> None:
    draws = torch.Generator().manual_seed(0)
    A = torch.stack((torch.full((2, 4), -0.5), 3.0 * torch.arange(8.0).view(2, 4)), -1).double()
    P, B, C = (torch.randn(2, 4, 2, generator=draws, dtype=torch.float64) for _ in range(3))
    Abar, _ = dense.bilinear(torch.tensor([0.01, 0.1], dtype=torch.float64), A, P, B)
    extended, length = dense.extend(Abar, dense.truncate(Abar, C, 5), 5, 18)
    assert length == 20
    torch.testing.assert_close(extended, dense.truncate(Abar, C, 20), rtol=1e-10, atol=1e-12)
