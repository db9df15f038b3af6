"""The Mamba block and the language model made of it (section 3.4 of the paper, figure 3).

x -> in_proj -> (x, z); x -> causal convolution -> SiLU -> selective SSM; times SiLU(z) -> out_proj.
Initialisation is the published code's where the paper leaves it open; the README lists both.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear

from harness.interfaces import DataDescription, ImageData, Kernels, ParameterGroup
from harness_mamba.config import MambaConfig
from harness_mamba.convolution import CausalConvolution
from harness_sequence.layers import RMSNorm
from harness_sequence.patches import PatchClassifier
from harness_sequence.stack import Block, TokenModel

MambaState: TypeAlias = tuple[Tensor, Tensor]
"""The convolution's last inputs [B, width - 1, E D] and the SSM's state h [B, E D, N]."""


class SelectiveSSM(nn.Module):
    """S6: a diagonal state space model whose step size, input and output maps depend on the input (algorithm 2).

    The gate z of the block around it is applied by the same kernel.
    """

    def __init__(self, config: MambaConfig, kernels: Kernels) -> None:
        super().__init__()
        self.selective_scan = kernels["selective_scan"]
        self.selective_scan_update = kernels["selective_scan_update"]
        self.sizes = (config.rank, config.d_state, config.d_state)
        self.x_proj = nn.Linear(config.d_inner, sum(self.sizes), bias=False)
        self.dt_proj = nn.Linear(config.rank, config.d_inner)
        nn.init.uniform_(self.dt_proj.weight, -(config.rank**-0.5), config.rank**-0.5)
        with torch.no_grad():
            self.dt_proj.bias.copy_(_initial_dt_bias(config))
        # S4D-Real: A_n = -(n + 1) in every channel.
        rates = torch.arange(1, config.d_state + 1, dtype=torch.get_default_dtype())
        self.A_log = nn.Parameter(torch.log(rates).repeat(config.d_inner, 1))
        self.D = nn.Parameter(torch.ones(config.d_inner))

    def forward(
        self, u: Float[Tensor, "batch length channels"], z: Float[Tensor, "batch length channels"]
    ) -> tuple[Float[Tensor, "batch length channels"], Float[Tensor, "batch channels states"]]:
        """SSM(u) * SiLU(z), and the state after the last position."""
        dt, A, B, C = self._selected(u)
        return self.selective_scan(u, dt, A, B, C, self.D, z, self.dt_proj.bias, True)  # type: ignore[no-any-return]

    def step(
        self,
        u: Float[Tensor, "batch channels"],
        z: Float[Tensor, "batch channels"],
        h: Float[Tensor, "batch channels states"],
    ) -> tuple[Float[Tensor, "batch channels"], Float[Tensor, "batch channels states"]]:
        """The output at the next step, and the state after it."""
        dt, A, B, C = self._selected(u)
        return self.selective_scan_update(  # type: ignore[no-any-return]
            h, u, dt, A, B, C, self.D, z, self.dt_proj.bias, True
        )

    def _selected(self, u: Float[Tensor, "... channels"]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """dt = W_dt s_dt(u), A = -exp(A_log), B = s_B(u), C = s_C(u); the kernel adds b_dt and takes softplus of dt."""
        low_rank, B, C = self.x_proj(u).split(self.sizes, dim=-1)
        return linear(low_rank, self.dt_proj.weight), -torch.exp(self.A_log), B, C


class MambaBlock(Block):
    """x + out_proj(SSM(SiLU(conv(x'))) * SiLU(z)) with (x', z) = in_proj(norm(x))."""

    def __init__(self, config: MambaConfig, kernels: Kernels) -> None:
        super().__init__()
        self.norm = RMSNorm(config.d_model)
        self.in_proj = nn.Linear(config.d_model, 2 * config.d_inner, bias=False)
        self.conv = CausalConvolution(config.d_inner, config.d_conv, kernels)
        self.ssm = SelectiveSSM(config, kernels)
        self.out_proj = nn.Linear(config.d_inner, config.d_model, bias=False)
        with torch.no_grad():
            self.out_proj.weight.div_(math.sqrt(config.num_layers))

    def forward(self, x: Float[Tensor, "batch length d_model"]) -> Float[Tensor, "batch length d_model"]:
        inner, z = self.in_proj(self.norm(x)).chunk(2, dim=-1)  # [B, L, E D] each
        y, _ = self.ssm(self.conv(inner), z)
        return x + self.out_proj(y)  # type: ignore[no-any-return]

    def read(self, x: Float[Tensor, "batch length d_model"]) -> tuple[Tensor, MambaState]:
        inner, z = self.in_proj(self.norm(x)).chunk(2, dim=-1)
        y, h = self.ssm(self.conv(inner), z)
        return x + self.out_proj(y), (self.conv.state_after(inner), h)

    def initial_state(self, batch: int) -> MambaState:
        channels, states = self.ssm.A_log.shape
        return self.conv.initial_state(batch), self.ssm.A_log.new_zeros(batch, channels, states)

    def step(self, x: Float[Tensor, "batch d_model"], state: MambaState) -> tuple[Tensor, MambaState]:
        past, h = state
        inner, z = self.in_proj(self.norm(x)).chunk(2, dim=-1)  # [B, E D] each
        u, past = self.conv.step(inner, past)
        y, h = self.ssm.step(u, z, h)
        return x + self.out_proj(y), (past, h)


def build(config: MambaConfig, data: DataDescription, kernels: Kernels) -> TokenModel | PatchClassifier:
    """The language model: embedding, Mamba blocks, RMSNorm and a head that by default shares the embedding.

    For images the blocks read the patches row by row.
    """
    blocks = [MambaBlock(config, kernels) for _ in range(config.num_layers)]
    norm = RMSNorm(config.d_model)
    if isinstance(data, ImageData):
        return PatchClassifier(data, config.patch_size, config.d_model, blocks, norm)
    return TokenModel(
        vocab=data.vocab, d_model=config.d_model, blocks=blocks, norm=norm, tie_embeddings=config.tie_embeddings
    )


def parameter_groups(module: nn.Module) -> list[ParameterGroup]:
    """A_log and D are not decayed."""
    names = frozenset(name for name, _ in module.named_parameters() if name.endswith((".A_log", ".ssm.D")))
    return [ParameterGroup(names=names, weight_decay=0.0)]


def _initial_dt_bias(config: MambaConfig) -> Float[Tensor, " channels"]:
    """The bias whose softplus is a step size drawn log-uniformly between `dt_min` and `dt_max`."""
    low, high = math.log(config.dt_min), math.log(config.dt_max)
    dt = torch.exp(torch.empty(config.d_inner).uniform_(low, high)).clamp(min=config.dt_floor)
    # The inverse of softplus, log(exp(dt) - 1), without the cancellation.
    return dt + torch.log(-torch.expm1(-dt))
