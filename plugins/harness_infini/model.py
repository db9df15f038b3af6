"""A decoder whose attention reaches beyond its segment by a compressive memory (sections 2.1 and 2.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

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
from harness_sequence.stack import Mixer, TokenModel, take_of_groups

State: TypeAlias = tuple[tuple[Tensor, ...], ...]
GATE_LEARNING_RATE_SCALE = 10.0


class InfiniMixer(Mixer):
    """Multi-head Infini-attention with rotary positions, which the memory does not see.

    The state has a group for each run of sequences that have read equally many tokens: keys and values of the segment
    that is being read, and the memory of those before. Keys are kept unturned, because the memory takes them so.
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
        return self._mix(split_heads(self.qkv(x), 3, self.num_heads))

    def read(self, x: Float[Tensor, "batch length d_model"]) -> tuple[Float[Tensor, "batch length d_model"], State]:
        qkv = split_heads(self.qkv(x), 3, self.num_heads)
        _, k, v = qkv
        ((_, _, M),) = self.initial_state(x.shape[0])
        whole = x.shape[1] - x.shape[1] % self.segment_length
        with without_autocast(x.device):
            for start in range(0, whole, self.segment_length):
                segment = slice(start, start + self.segment_length)
                M = write(M, sigma(k[:, :, segment]), v[:, :, segment].to(M.dtype), self.memory)
        return self._mix(qkv), ((k[:, :, whole:], v[:, :, whole:], M),)

    def _mix(self, qkv: Float[Tensor, "3 batch heads length d_head"]) -> Float[Tensor, "batch length d_model"]:
        q, k, v = qkv
        # Positions count from the segment's start: only distances inside a segment matter.
        positions = torch.arange(q.shape[2], device=q.device) % self.segment_length
        local_q, local_k = rotate(qkv[:2], rotation(positions, self.d_head, q.dtype))
        mixed = self.infini_attention(local_q, local_k, q, k, v, self.beta, self.segment_length, self.memory)
        return self.out(rearrange(mixed, "b h l d -> b l (h d)"))  # type: ignore[no-any-return]

    def initial_state(self, batch: int) -> State:
        empty = self.qkv.weight.new_zeros(batch, self.num_heads, 0, self.d_head)
        exact = torch.promote_types(empty.dtype, torch.float32)
        return ((empty, empty, empty.new_zeros(batch, self.num_heads, self.d_head, self.d_head + 1, dtype=exact)),)

    def join(self, states: Sequence[State]) -> State:
        return tuple(group for groups in states for group in groups)

    def select(self, state: State, rows: Sequence[int]) -> State:
        return take_of_groups(state, rows)

    def step(self, x: Float[Tensor, "batch d_model"], state: State) -> tuple[Float[Tensor, "batch d_model"], State]:
        qkv = split_heads(self.qkv(x[:, None]), 3, self.num_heads)  # [3, B, H, 1, d_head]
        news = qkv.split([len(keys) for keys, _, _ in state], 1)
        mixed, groups = zip(*map(self._step_group, news, state), strict=True)
        return self.out(rearrange(torch.cat(mixed), "b h 1 d -> b (h d)")), groups

    def _step_group(self, qkv: Tensor, group: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Heads of the next position [B, H, 1, d_head], and the group after it."""
        (q, k, v), (keys, values, M) = qkv, group
        keys, values = torch.cat((keys, k), dim=2), torch.cat((values, v), dim=2)
        num_read = keys.shape[2]
        turn = rotation(torch.arange(num_read, device=q.device), self.d_head, q.dtype)
        A_dot = nn.functional.scaled_dot_product_attention(rotate(q, turn[:, -1:]), rotate(keys, turn), values)
        gate = torch.sigmoid(self.beta)[:, None, None]  # [H, 1, 1]
        with without_autocast(q.device):
            A_mem = read(M, sigma(q))
            if num_read == self.segment_length:
                M = write(M, sigma(keys), values.to(M.dtype), self.memory)
                keys, values = keys[:, :, :0], values[:, :, :0]
        return (gate * A_mem + (1 - gate) * A_dot).to(q.dtype), (keys, values, M)


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
