"""The S4 layer: a diagonal-plus-low-rank state space model for each feature, as a convolution and as a recurrence."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import Array, Kernels
from harness_s4.config import S4Config
from harness_s4.hippo import legs_normal_plus_low_rank
from harness_s4.s4_kernel.dense import bilinear, extend, truncate, untruncate
from harness_s4.steps import initial_log_dt
from harness_sequence.linear_memory import without_autocast

State = dict[str, Tensor]


class S4Layer(nn.Module):
    """y = SSM(u) + D u with state matrix Lambda - P P^*, Lambda = -exp(a_re) + i a_im (S4).

    The output weights are learned as C~ = C (I - Abar^horizon), so that training never raises Abar to a power. The
    kernel of `horizon` lags is exact for every shorter sequence; a longer one doubles the horizon as often as it takes.
    """

    slow_parameters = ("log_dt", "a_re", "a_im", "P", "B", "C_tilde")

    def __init__(self, config: S4Config, horizon: int, kernels: Kernels) -> None:
        super().__init__()
        D, M = config.d_model, config.d_state // 2
        self.horizon = horizon
        self.kernel = kernels["s4_kernel"]
        self.long_conv = kernels["long_conv"]
        self.log_dt = nn.Parameter(initial_log_dt(config))
        dtype = self.log_dt.dtype
        start = legs_normal_plus_low_rank(config.d_state)
        self.a_re = nn.Parameter(torch.log(-torch.as_tensor(start.eigenvalues.real, dtype=dtype)).repeat(D, 1))
        self.a_im = nn.Parameter(torch.as_tensor(start.eigenvalues.imag, dtype=dtype).repeat(D, 1))
        self.P = nn.Parameter(_pairs(start.P, dtype).repeat(D, 1, 1))
        self.B = nn.Parameter(_pairs(start.B, dtype).repeat(D, 1, 1))
        self.D = nn.Parameter(torch.randn(D))
        with torch.no_grad():
            C = math.sqrt(0.5) * torch.randn(D, M, 2)
            Abar, _ = bilinear(*self._continuous())
            self.C_tilde = nn.Parameter(truncate(Abar, C, horizon))

    def _continuous(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return torch.exp(self.log_dt), torch.stack((-torch.exp(self.a_re), self.a_im), -1), self.P, self.B

    def convolution_kernel(self, length: int) -> Float[Tensor, "features length"]:
        """The first `length` values of C Abar^i Bbar."""
        # Half precision would lose the phases.
        with without_autocast(self.C_tilde.device):
            continuous = self._continuous()
            C_tilde, horizon = self.C_tilde, self.horizon
            if length > horizon:
                Abar, _ = bilinear(*continuous)
                C_tilde, horizon = extend(Abar, C_tilde, horizon, length)
            return self.kernel(*continuous, C_tilde, horizon)[:, :length]  # type: ignore[no-any-return]

    def forward(self, u: Float[Tensor, "batch features length"]) -> Float[Tensor, "batch features length"]:
        """The convolution form."""
        return self.long_conv(u, self.convolution_kernel(u.shape[-1])) + self.D[:, None] * u

    def initial_state(self, batch: int) -> State:
        """Zeros, and the output weights C, which cost a dense solve and so are derived once a sequence."""
        with without_autocast(self.C_tilde.device):
            Abar, _ = bilinear(*self._continuous())
            C = untruncate(Abar, self.C_tilde, self.horizon)
        return {"x": self.C_tilde.new_zeros(batch, *self.C_tilde.shape), "C": C}

    def step(self, u: Float[Tensor, "batch features"], state: State) -> tuple[Float[Tensor, "batch features"], State]:
        """The recurrent form in O(N): (I - dt/2 A) x' = (I + dt/2 A) x + dt B u, solved by Woodbury's identity."""
        dt, A, P, B = self._continuous()
        A, P, B = (torch.view_as_complex(pairs) for pairs in (A, P, B))
        x, C = torch.view_as_complex(state["x"]), torch.view_as_complex(state["C"])
        g = 0.5 * dt[:, None]
        moved = x + g * (A * x - P * _both(P.conj() * x)) + (2 * g * B) * u[..., None]
        inverse = 1 / (1 - g * A)
        solved = inverse * moved
        correction = g * _both(P.conj() * solved) / (1 + g * _both(P.conj() * inverse * P))
        x = solved - correction * inverse * P
        y = _both(C * x)[..., 0]
        return y + self.D * u, {"x": torch.view_as_real(x), "C": state["C"]}


def _pairs(modes: Array, dtype: torch.dtype) -> Float[Tensor, "modes 2"]:
    return torch.as_tensor(np.stack((modes.real, modes.imag), -1), dtype=dtype)


def _both(products: Tensor) -> Tensor:
    """The sum over all modes, of which the kept ones are half: 2 Re of their sum."""
    return 2 * products.sum(-1, keepdim=True).real
