"""Where state space models start: HiPPO-LegS, its normal-plus-low-rank form, and the diagonal initialisations of S4D.

Everything here is a float64 numpy constant that depends on the state size alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.interfaces import Array


def legs_matrices(d_state: int) -> tuple[Array, Array]:
    """HiPPO-LegS as defined: A [N, N] and B [N] (S4)."""
    root = np.sqrt(2.0 * np.arange(d_state) + 1.0)
    below = -np.tril(np.outer(root, root), k=-1)
    return below - np.diag(np.arange(d_state) + 1.0), root


@dataclass(frozen=True, kw_only=True, slots=True)
class NormalPlusLowRank:
    """One mode of each conjugate pair of HiPPO-LegS in the basis in which it is `diag(eigenvalues) - P P^*`.

    `V` is [N, N/2]; it and its conjugate are the basis, and output weights c of the original system become c V.
    """

    V: Array
    eigenvalues: Array
    P: Array
    B: Array


def legs_normal_plus_low_rank(d_state: int) -> NormalPlusLowRank:
    """The N/2 modes with positive imaginary part, by rising frequency (S4, theorem 1)."""
    A, B = legs_matrices(d_state)
    P = np.sqrt(np.arange(d_state) + 0.5)
    # A + P P^T is -1/2 on the diagonal plus a skew part. That part's eigenvectors are those of a Hermitian matrix and
    # so orthonormal; the entries of A's own grow exponentially with N.
    skew = A + np.outer(P, P) + 0.5 * np.eye(d_state)
    frequencies, V = np.linalg.eigh(-1j * skew)
    frequencies, V = frequencies[d_state // 2 :], V[:, d_state // 2 :]
    projected = V.conj().T @ P
    # An eigenvector's phase is arbitrary; fix it by making P real and positive.
    V = V * (projected / np.abs(projected))
    return NormalPlusLowRank(
        V=V, eigenvalues=-0.5 + 1j * frequencies, P=np.abs(projected).astype(np.complex128), B=V.conj().T @ B
    )


def lin(d_state: int) -> Array:
    """S4D-Lin: frequencies at equal distances, as a Fourier series has."""
    return -0.5 + 1j * math.pi * np.arange(d_state // 2)


def inv(d_state: int) -> Array:
    """S4D-Inv: frequencies by an inverse law, close to those of LegS."""
    n = np.arange(d_state // 2)
    return -0.5 + 1j * (d_state / math.pi) * (d_state / (2 * n + 1) - 1)


def legs(d_state: int) -> Array:
    """S4D-LegS: the eigenvalues of the normal part of HiPPO-LegS."""
    return legs_normal_plus_low_rank(d_state).eigenvalues


def real(d_state: int) -> Array:
    """S4D-Real: no oscillation, decay rates 1, 2, 3, ..."""
    return -(np.arange(d_state // 2) + 1.0).astype(np.complex128)


DIAGONAL = {"lin": lin, "inv": inv, "legs": legs, "real": real}
