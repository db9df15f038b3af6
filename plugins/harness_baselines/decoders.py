"""Decoders whose attention is cheaper than a Transformer's: linear, and local."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import Kernels, TokenData
from harness_baselines.config import LinearAttentionConfig, LocalAttentionConfig
from harness_baselines.linear_attention import LinearAttention
from harness_sequence.blocks import decoder
from harness_sequence.layers import SinusoidalPositions
from harness_sequence.linear_memory import sigma, weighted_mean, with_ones, without_autocast
from harness_sequence.self_attention import SelfAttention, split_heads
from harness_sequence.stack import Mixer, TokenModel


class LinearAttentionMixer(Mixer):
    """Multi-head linear attention. The state is one memory a head, of the same size at any length."""

    def __init__(self, d_model: int, num_heads: int, linear_attention: LinearAttention) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.d_head = d_model // num_heads
        self.linear_attention = linear_attention
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x: Float[Tensor, "batch length d_model"]) -> Float[Tensor, "batch length d_model"]:
        q, k, v = split_heads(self.qkv(x), 3, self.num_heads)
        return self.out(rearrange(self.linear_attention(q, k, v), "b h l d -> b l (h d)"))  # type: ignore[no-any-return]

    def initial_state(self, batch: int) -> Tensor:
        weight = self.qkv.weight
        exact = torch.promote_types(weight.dtype, torch.float32)
        return weight.new_zeros(batch, self.num_heads, self.d_head, self.d_head + 1, dtype=exact)

    def step(self, x: Float[Tensor, "batch d_model"], state: Tensor) -> tuple[Float[Tensor, "batch d_model"], Tensor]:
        q, k, v = split_heads(self.qkv(x[:, None]), 3, self.num_heads)  # [B, H, 1, d_head]
        with without_autocast(x.device):
            state = state + sigma(k).transpose(-1, -2) @ with_ones(v.to(state.dtype))
            mixed = weighted_mean(sigma(q) @ state).to(x.dtype)
        return self.out(rearrange(mixed, "b h 1 d -> b (h d)")), state


def build_linear(config: LinearAttentionConfig, data: TokenData, kernels: Kernels) -> TokenModel:
    """The decoder with linear attention for sequences of `data`."""
    mixers = [
        LinearAttentionMixer(config.d_model, config.num_heads, kernels["linear_attention"])
        for _ in range(config.num_layers)
    ]
    positions = SinusoidalPositions(config.d_model) if config.positions == "sinusoidal" else None
    return decoder(config, data.vocab, mixers, positions)


def build_local(config: LocalAttentionConfig, data: TokenData, kernels: Kernels) -> TokenModel:
    """The decoder with local attention for sequences of `data`."""
    mixers = [
        SelfAttention(config.d_model, config.num_heads, kernels["attention"], rotary=True, window=config.window)
        for _ in range(config.num_layers)
    ]
    return decoder(config, data.vocab, mixers)
