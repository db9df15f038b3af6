"""A pre-norm Transformer decoder: causal multi-head attention and feed-forward layers."""

from __future__ import annotations

from torch import nn

from harness.interfaces import Kernels, TokenData
from harness_sequence.blocks import decoder
from harness_sequence.layers import LearnedPositions, SinusoidalPositions
from harness_sequence.self_attention import SelfAttention
from harness_sequence.stack import TokenModel
from harness_transformer.config import TransformerConfig


def build(config: TransformerConfig, data: TokenData, kernels: Kernels) -> TokenModel:
    """The network for sequences of `data`."""
    mixers = [
        SelfAttention(config.d_model, config.num_heads, kernels["attention"], rotary=config.positions == "rope")
        for _ in range(config.num_layers)
    ]
    return decoder(config, data.vocab, mixers, _added_positions(config, data))


def _added_positions(config: TransformerConfig, data: TokenData) -> nn.Module | None:
    if config.positions == "learned":
        return LearnedPositions(data.length, config.d_model, std=1.0)
    if config.positions == "sinusoidal":
        return SinusoidalPositions(config.d_model)
    return None
