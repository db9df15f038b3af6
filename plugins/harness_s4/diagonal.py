"""The S4D layer: a diagonal state space model for each feature, as a convolution and as a recurrence."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import Kernels
from harness_s4.config import S4DConfig
from harness_s4.discretisation import DISCRETISATIONS
from harness_s4.hippo import DIAGONAL
from harness_s4.steps import initial_log_dt
from harness_sequence.linear_memory import without_autocast

State = dict[str, Tensor]


class S4DLayer(nn.Module):
    """y = SSM(u) + D u with A = -exp(a_re) + i a_im, B = 1 and learned C (S4D).

    C is [features, modes, 2]: real and imaginary part for one mode of each conjugate pair.
    """

    slow_parameters = ("log_dt", "a_re", "a_im")

    def __init__(self, config: S4DConfig, kernels: Kernels) -> None:
        super().__init__()
        D, M = config.d_model, config.d_state // 2
        self.log_dt = nn.Parameter(initial_log_dt(config))
        A = DIAGONAL[config.initialisation](config.d_state)
        dtype = self.log_dt.dtype
        self.a_re = nn.Parameter(torch.log(-torch.as_tensor(A.real, dtype=dtype)).repeat(D, 1))
        self.a_im = nn.Parameter(torch.as_tensor(A.imag, dtype=dtype).repeat(D, 1))
        self.C = nn.Parameter(math.sqrt(0.5) * torch.randn(D, M, 2))
        self.D = nn.Parameter(torch.randn(D))
        self.discretise = DISCRETISATIONS[config.discretisation]
        self.kernel = kernels["s4d_kernel"]
        self.long_conv = kernels["long_conv"]

    def _discretised(self) -> tuple[Tensor, Tensor, Tensor]:
        dt = torch.exp(self.log_dt)
        A = torch.stack((-torch.exp(self.a_re), self.a_im), -1)
        rates, Bbar = self.discretise(dt, A)
        weights = torch.view_as_real(torch.view_as_complex(self.C) * torch.view_as_complex(Bbar))
        return dt, rates, weights

    def convolution_kernel(self, length: int) -> Float[Tensor, "features length"]:
        """The first `length` values of 2 Re sum C Abar^i Bbar."""
        # Half precision would lose the phases.
        with without_autocast(self.C.device):
            return self.kernel(*self._discretised(), length)  # type: ignore[no-any-return]

    def forward(self, u: Float[Tensor, "batch features length"]) -> Float[Tensor, "batch features length"]:
        """The convolution form."""
        return self.long_conv(u, self.convolution_kernel(u.shape[-1])) + self.D[:, None] * u

    def initial_state(self, batch: int) -> State:
        return {"x": self.C.new_zeros(batch, *self.C.shape)}

    def step(self, u: Float[Tensor, "batch features"], state: State) -> tuple[Float[Tensor, "batch features"], State]:
        """The recurrent form: x' = Abar x + u, y = 2 Re sum C Bbar x' + D u (Bbar moved behind the state)."""
        dt, rates, weights = self._discretised()
        Abar = torch.exp(dt[:, None] * torch.view_as_complex(rates))
        x = Abar * torch.view_as_complex(state["x"]) + u[..., None]
        y = 2 * (torch.view_as_complex(weights) * x).sum(-1).real
        return y + self.D * u, {"x": torch.view_as_real(x)}
