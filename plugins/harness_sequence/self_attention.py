"""Causal multi-head self-attention as a mixer, over the whole past or a window of it, with cached keys and values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from harness_sequence.attention.op import Attention
from harness_sequence.rotary import BASE, rotate, rotation
from harness_sequence.stack import Mixer, take_of_groups

State: TypeAlias = tuple[tuple[Tensor, Tensor, Tensor], ...]
LEAST_ROOM = 32
"""For so many tokens a cache has room at least when it is copied to a larger one."""


def split_heads(x: Float[Tensor, "batch length width"], parts: int, num_heads: int) -> Float[Tensor, ...]:
    """Cut a joint projection into `parts` of `num_heads` heads: [parts, batch, heads, length, d_head]."""
    return rearrange(x, "b l (p h d) -> p b h l d", p=parts, h=num_heads)


class SelfAttention(Mixer):
    """Multi-head attention (Vaswani et al. 2017, section 3.2.2) of each position to itself and earlier ones.

    `rotary` turns queries and keys by their position, of each head the first `rotary_width` features, or all. The
    state has a group for each run of sequences that have read equally many tokens: keys and values of the tokens in
    sight, and how many were read; keys are kept turned.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        attention: Attention,
        *,
        rotary: bool,
        rotary_width: int | None = None,
        rotary_base: float = BASE,
        window: int | None = None,
    ) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.d_head = d_model // num_heads
        self.attention = attention
        self.rotary = rotary
        self.rotary_width = self.d_head if rotary_width is None else rotary_width
        self.rotary_base = rotary_base
        self.window = window
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)

    def _project(self, x: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        return self._turn(split_heads(self.qkv(x), 3, self.num_heads), positions)

    def _turn(self, qkv: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = qkv
        if self.rotary:
            q, k = rotate(qkv[:2], rotation(positions, self.rotary_width, q.dtype, self.rotary_base))
        return q, k, v

    def forward(self, x: Float[Tensor, "batch length d_model"]) -> Float[Tensor, "batch length d_model"]:
        return self._mix(*self._project(x, torch.arange(x.shape[1], device=x.device)))

    def _mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        mixed = self.attention(q, k, v, True, self.window)
        return self.out(rearrange(mixed, "b h l d -> b l (h d)"))  # type: ignore[no-any-return]

    def read(self, x: Float[Tensor, "batch length d_model"]) -> tuple[Float[Tensor, "batch length d_model"], State]:
        length = x.shape[1]
        q, k, v = self._project(x, torch.arange(length, device=x.device))
        kept = slice(None) if self.window is None else slice(-self.window, None)
        state = (k[:, :, kept], v[:, :, kept], torch.full((1,), length, device=x.device))
        return self._mix(q, k, v), (state,)

    def initial_state(self, batch: int) -> State:
        empty = self.qkv.weight.new_zeros(batch, self.num_heads, 0, self.d_head)
        return ((empty, empty, torch.zeros(1, dtype=torch.long, device=empty.device)),)

    def join(self, states: Sequence[State]) -> State:
        return tuple(group for groups in states for group in groups)

    def select(self, state: State, rows: Sequence[int]) -> State:
        return take_of_groups(state, rows, shared=1)

    def step(self, x: Float[Tensor, "batch d_model"], state: State) -> tuple[Float[Tensor, "batch d_model"], State]:
        qkv = split_heads(self.qkv(x[:, None]), 3, self.num_heads)
        mixed, groups = [], []
        for (keys, values, position), new in zip(state, qkv.split([len(k) for k, _, _ in state], 1), strict=True):
            q, k, v = self._turn(new, position)
            keys, values = remember(keys, k, self.window), remember(values, v, self.window)
            # All that is kept is in sight, so the mask needs no window.
            mixed.append(self.attention(q, keys, values, True, None))
            groups.append((keys, values, position + 1))
        whole = mixed[0] if len(mixed) == 1 else torch.cat(mixed)
        return self.out(rearrange(whole, "b h 1 d -> b (h d)")), tuple(groups)


def remember(
    cache: Float[Tensor, "batch heads kept d_head"], new: Float[Tensor, "batch heads added d_head"], window: int | None
) -> Float[Tensor, "batch heads now d_head"]:
    """The cache with what is new at its end, cut to the last `window` tokens.

    Without a window the result is the used part of a larger memory, so that few additions copy what is there; a cache
    may be added to once, since a second addition writes to the same place.
    """
    if window is not None:
        return torch.cat((cache, new), dim=2)[:, :, -window:]
    batch, heads, kept, d_head = cache.shape
    now = kept + new.shape[2]
    if torch.is_grad_enabled() and (cache.requires_grad or new.requires_grad):
        return torch.cat((cache, new), dim=2)
    capacity = cache.stride(1) // d_head
    allocated = cache.untyped_storage().nbytes() // cache.itemsize
    if capacity < now or allocated < batch * heads * capacity * d_head:
        capacity = now + max(LEAST_ROOM, now // 8)
        grown = cache.new_empty(batch, heads, capacity, d_head)
        grown[:, :, :kept] = cache
        cache = grown[:, :, :kept]
    joined = cache.as_strided((batch, heads, now, d_head), cache.stride(), cache.storage_offset())
    joined[:, :, kept:] = new
    return joined
