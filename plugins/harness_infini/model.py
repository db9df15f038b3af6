"""A decoder whose attention reaches beyond its segment by a compressive memory (sections 2.1 and 2.2)."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import Kernels, ParameterGroup, TokenData
from harness_infini.config import InfiniAttentionConfig
from harness_infini.features import sigma
from harness_infini.infini_attention.op import InfiniAttention
from harness_infini.infini_memory.op import Memory
from harness_infini.joined_memory import read, write
from harness_sequence.blocks import decoder
from harness_sequence.linear_memory import without_autocast
from harness_sequence.rotary import rotate, rotation
from harness_sequence.self_attention import split_heads
from harness_sequence.stack import Mixer, TokenModel

GATE_LEARNING_RATE_SCALE = 10.0


class InfiniMixer(Mixer):
    """Multi-head Infini-attention with rotary positions, which the memory does not see.

    The state is the keys and values of the segment that is being read and the memory of those before. Keys are kept
    unturned, because the memory takes them so.
    """

    def __init__(
        self, d_model: int, num_heads: int, segment_length: int, memory: Memory, infini_attention: InfiniAttention
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.d_head = d_model // num_heads
        self.segment_length = segment_length
        self.memory = memory
        self.infini_attention = infini_attention
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.beta = nn.Parameter(torch.zeros(num_heads))
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x: Float[Tensor, "batch length d_model"]) -> Float[Tensor, "batch length d_model"]:
        q, k, v = qkv = split_heads(self.qkv(x), 3, self.num_heads)
        # Positions count from the segment's start: only distances inside a segment matter.
        positions = torch.arange(x.shape[1], device=x.device) % self.segment_length
        local_q, local_k = rotate(qkv[:2], rotation(positions, self.d_head, x.dtype))
        mixed = self.infini_attention(local_q, local_k, q, k, v, self.beta, self.segment_length, self.memory)
        return self.out(rearrange(mixed, "b h l d -> b l (h d)"))  # type: ignore[no-any-return]

    def initial_state(self, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        empty = self.qkv.weight.new_zeros(batch, self.num_heads, 0, self.d_head)
        exact = torch.promote_types(empty.dtype, torch.float32)
        return empty, empty, empty.new_zeros(batch, self.num_heads, self.d_head, self.d_head + 1, dtype=exact)

    def step(
        self, x: Float[Tensor, "batch d_model"], state: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[Float[Tensor, "batch d_model"], tuple[Tensor, Tensor, Tensor]]:
        keys, values, M = state
        q, k, v = split_heads(self.qkv(x[:, None]), 3, self.num_heads)  # [B, H, 1, d_head]
        keys, values = torch.cat((keys, k), dim=2), torch.cat((values, v), dim=2)
        num_read = keys.shape[2]
        turn = rotation(torch.arange(num_read, device=x.device), self.d_head, x.dtype)
        A_dot = nn.functional.scaled_dot_product_attention(rotate(q, turn[:, -1:]), rotate(keys, turn), values)
        gate = torch.sigmoid(self.beta)[:, None, None]  # [H, 1, 1]
        with without_autocast(x.device):
            A_mem = read(M, sigma(q))
            if num_read == self.segment_length:
                M = write(M, sigma(keys), values.to(M.dtype), self.memory)
                keys, values = keys[:, :, :0], values[:, :, :0]
        mixed = (gate * A_mem + (1 - gate) * A_dot).to(x.dtype)
        return self.out(rearrange(mixed, "b h 1 d -> b (h d)")), (keys, values, M)


def build(config: InfiniAttentionConfig, data: TokenData, kernels: Kernels) -> TokenModel:
    """The network for sequences of `data`."""
    mixers = [
        InfiniMixer(config.d_model, config.num_heads, config.segment_length, config.memory, kernels["infini_attention"])
        for _ in range(config.num_layers)
    ]
    return decoder(config, data.vocab, mixers)


def parameter_groups(module: nn.Module) -> list[ParameterGroup]:
    """The gates: they have one number a head to move, and stay near a half at the rate of the rest."""
    gates = frozenset(f"{name}.beta" for name, mixer in module.named_modules() if isinstance(mixer, InfiniMixer))
    return [ParameterGroup(names=gates, learning_rate_scale=GATE_LEARNING_RATE_SCALE, weight_decay=0.0)]
