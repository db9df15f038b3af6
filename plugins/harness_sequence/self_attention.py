"""Causal multi-head self-attention as a mixer, over the whole past or a window of it, with cached keys and values."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from harness_sequence.attention.op import Attention
from harness_sequence.rotary import rotate, rotation
from harness_sequence.stack import Mixer


def split_heads(x: Float[Tensor, "batch length width"], parts: int, num_heads: int) -> Float[Tensor, ...]:
    """Cut a joint projection into `parts` of `num_heads` heads: [parts, batch, heads, length, d_head]."""
    return rearrange(x, "b l (p h d) -> p b h l d", p=parts, h=num_heads)


class SelfAttention(Mixer):
    """Multi-head attention (Vaswani et al. 2017, section 3.2.2) of each position to itself and earlier ones.

    `rotary` turns queries and keys by their position. The state is the keys and values of the tokens in sight and the
    number of tokens read; keys are kept turned.
    """

    def __init__(
        self, d_model: int, num_heads: int, attention: Attention, *, rotary: bool, window: int | None = None
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.d_head = d_model // num_heads
        self.attention = attention
        self.rotary = rotary
        self.window = window
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)

    def _project(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = qkv = split_heads(self.qkv(x), 3, self.num_heads)
        if self.rotary:
            q, k = rotate(qkv[:2], rotation(positions, self.d_head, x.dtype))
        return q, k, v

    def forward(self, x: Float[Tensor, "batch length d_model"]) -> Float[Tensor, "batch length d_model"]:
        q, k, v = self._project(x, torch.arange(x.shape[1], device=x.device))
        mixed = self.attention(q, k, v, True, self.window)
        return self.out(rearrange(mixed, "b h l d -> b l (h d)"))  # type: ignore[no-any-return]

    def initial_state(self, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        empty = self.qkv.weight.new_zeros(batch, self.num_heads, 0, self.d_head)
        return empty, empty, torch.zeros(1, dtype=torch.long, device=empty.device)

    def step(
        self, x: Float[Tensor, "batch d_model"], state: tuple[Tensor, Tensor, Tensor]
    ) -> tuple[Float[Tensor, "batch d_model"], tuple[Tensor, Tensor, Tensor]]:
        keys, values, position = state
        q, k, v = self._project(x[:, None], position)
        keys = remember(keys, k, self.window)
        values = remember(values, v, self.window)
        # All that is kept is in sight, so the mask needs no window.
        mixed = self.attention(q, keys, values, True, None)
        return self.out(rearrange(mixed, "b h 1 d -> b (h d)")), (keys, values, position + 1)


def remember(
    cache: Float[Tensor, "batch heads kept d_head"], new: Float[Tensor, "batch heads added d_head"], window: int | None
) -> Float[Tensor, "batch heads now d_head"]:
    """The cache with what is new at its end, cut to the last `window` tokens."""
    joined = torch.cat((cache, new), dim=2)
    return joined if window is None else joined[:, :, -window:]
