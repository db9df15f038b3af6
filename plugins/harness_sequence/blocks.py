"""The pre-norm block of a decoder around any mixer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from harness_sequence.config import DecoderConfig
from harness_sequence.layers import FeedForward
from harness_sequence.stack import Block, Mixer, State, TokenModel


class PreNormBlock(Block):
    """x + mixer(norm(x)), then x + feed_forward(norm(x)); dropout on what each of the two adds."""

    def __init__(self, d_model: int, mixer: Mixer, feed_forward: FeedForward, dropout: float = 0.0) -> None:
        super().__init__()
        self.mixer_norm = nn.LayerNorm(d_model)
        self.mixer = mixer
        self.dropout = nn.Dropout(dropout)
        self.feed_forward_norm = nn.LayerNorm(d_model)
        self.feed_forward = feed_forward

    def forward(self, x: Float[Tensor, "batch length d_model"]) -> Float[Tensor, "batch length d_model"]:
        x = x + self.dropout(self.mixer(self.mixer_norm(x)))
        return x + self.feed_forward(self.feed_forward_norm(x))  # type: ignore[no-any-return]

    def initial_state(self, batch: int) -> State:
        return self.mixer.initial_state(batch)

    def step(self, x: Float[Tensor, "batch d_model"], state: State) -> tuple[Float[Tensor, "batch d_model"], State]:
        mixed, state = self.mixer.step(self.mixer_norm(x), state)
        x = x + self.dropout(mixed)
        return x + self.feed_forward(self.feed_forward_norm(x)), state

    def join(self, states: Sequence[State]) -> State:
        return self.mixer.join(states)

    def select(self, state: State, rows: Sequence[int]) -> State:
        return self.mixer.select(state, rows)

    def read(self, x: Float[Tensor, "batch length d_model"]) -> tuple[Float[Tensor, "batch length d_model"], State]:
        mixed, state = self.mixer.read(self.mixer_norm(x))
        x = x + self.dropout(mixed)
        return x + self.feed_forward(self.feed_forward_norm(x)), state


def decoder(
    config: DecoderConfig, vocab: int, mixers: Sequence[Mixer], positions: nn.Module | None = None
) -> TokenModel:
    """Pre-norm blocks around the mixers, in a stack that reads embeddings as Vaswani et al. 2017 do (section 3.4).

    Embeddings are drawn from N(0, 1 / d_model) and multiplied by sqrt(d_model), so that they enter the residual stream
    at the size of the positions, and a tied head still starts with logits of unit variance.
    """
    d_hidden = config.mlp_ratio * config.d_model
    blocks = [
        PreNormBlock(config.d_model, mixer, FeedForward(config.d_model, d_hidden, config.dropout), config.dropout)
        for mixer in mixers
    ]
    return TokenModel(
        vocab=vocab,
        d_model=config.d_model,
        blocks=blocks,
        norm=nn.LayerNorm(config.d_model),
        tie_embeddings=config.tie_embeddings,
        dropout=config.dropout,
        positions=positions,
        embedding_std=1.0 / math.sqrt(config.d_model),
        embedding_scale=math.sqrt(config.d_model),
    )
