"""HiPPO-LegS and its diagonal relatives have the spectra that the papers say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness_s4 import hippo

SIZES = pytest.mark.parametrize("d_state", [2, 6, 16, 64])


def test_legs_matrix_is_the_definition_entry_by_entry() -> None:
    A, B = hippo.legs_matrices(3)
    below = [[-1, 0, 0], [-math.sqrt(3), -2, 0], [-math.sqrt(5), -math.sqrt(15), -3]]
    np.testing.assert_allclose(A, below, rtol=1e-15)
    np.testing.assert_allclose(B, np.sqrt([1, 3, 5]), rtol=1e-15)


@SIZES
def test_kept_modes_and_their_conjugates_are_a_unitary_basis(d_state: int) -> None:
    V = hippo.legs_normal_plus_low_rank(d_state).V
    basis = np.concatenate((V, V.conj()), 1)
    np.testing.assert_allclose(basis.conj().T @ basis, np.eye(d_state), atol=1e-12)


@SIZES
def test_normal_plus_low_rank_form_is_legs_in_that_basis(d_state: int) -> None:
    A, B = hippo.legs_matrices(d_state)
    form = hippo.legs_normal_plus_low_rank(d_state)
    basis, eigenvalues, P, rotated_B = (
        np.concatenate((part, part.conj()), -1) for part in (form.V, form.eigenvalues, form.P, form.B)
    )
    rebuilt = np.diag(eigenvalues) - np.outer(P, P.conj())
    np.testing.assert_allclose(basis @ rebuilt @ basis.conj().T, A, atol=1e-10)
    np.testing.assert_allclose(basis @ rotated_B, B, atol=1e-11)


@SIZES
def test_normal_part_decays_at_one_half(d_state: int) -> None:
    np.testing.assert_array_equal(hippo.legs_normal_plus_low_rank(d_state).eigenvalues.real, -0.5)


def test_low_rank_factor_is_real_and_positive() -> None:
    P = hippo.legs_normal_plus_low_rank(64).P
    assert (P.real > 0).all()
    np.testing.assert_array_equal(P.imag, 0)


@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [("legs", 0.26, 1303.0), ("inv", 0.323, 1283.0), ("lin", 0.0, 97.4), ("real", 0.0, 0.0)],
    ids=["legs", "inv", "lin", "real"],
)
def test_frequencies_of_64_states_span_the_published_range(name: str, lowest: float, highest: float) -> None:
    frequencies = np.sort(hippo.DIAGONAL[name](64).imag)
    assert len(frequencies) == 32
    assert frequencies[0] == pytest.approx(lowest, abs=0.005)
    assert frequencies[-1] == pytest.approx(highest, abs=0.5)


@pytest.mark.parametrize("name", ["legs", "inv", "lin"])
def test_oscillating_initialisations_decay_at_one_half(name: str) -> None:
    np.testing.assert_array_equal(hippo.DIAGONAL[name](64).real, -0.5)


def test_real_initialisation_decays_at_one_two_three() -> None:
    np.testing.assert_array_equal(hippo.real(6), [-1, -2, -3])
