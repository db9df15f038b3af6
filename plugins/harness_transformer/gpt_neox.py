"""The decoder of GPT-NeoX-20B and of Pythia: attention and feed-forward layer side by side (section 2.1).

x + attention(norm_1(x)) + feed_forward(norm_2(x)), with a quarter of each head's features turned by position.
"""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from harness.interfaces import Kernels, TokenData
from harness_sequence.blocks import PreNormBlock
from harness_sequence.layers import FeedForward
from harness_sequence.self_attention import SelfAttention
from harness_sequence.stack import Block, Mixer, State, TokenModel
from harness_transformer.config import GptNeoxConfig


class ParallelBlock(Block):
    """x + mixer(norm_1(x)) + feed_forward(norm_2(x))."""

    def __init__(self, d_model: int, mixer: Mixer, feed_forward: FeedForward, dropout: float) -> None:
        super().__init__()
        self.mixer_norm = nn.LayerNorm(d_model)
        self.mixer = mixer
        self.dropout = nn.Dropout(dropout)
        self.feed_forward_norm = nn.LayerNorm(d_model)
        self.feed_forward = feed_forward

    def forward(self, x: Float[Tensor, "batch length d_model"]) -> Float[Tensor, "batch length d_model"]:
        return self._sum(x, self.mixer(self.mixer_norm(x)))

    def initial_state(self, batch: int) -> State:
        return self.mixer.initial_state(batch)

    def step(self, x: Float[Tensor, "batch d_model"], state: State) -> tuple[Float[Tensor, "batch d_model"], State]:
        mixed, state = self.mixer.step(self.mixer_norm(x), state)
        return self._sum(x, mixed), state

    def join(self, states: Sequence[State]) -> State:
        return self.mixer.join(states)

    def select(self, state: State, rows: Sequence[int]) -> State:
        return self.mixer.select(state, rows)

    def read(self, x: Float[Tensor, "batch length d_model"]) -> tuple[Float[Tensor, "batch length d_model"], State]:
        mixed, state = self.mixer.read(self.mixer_norm(x))
        return self._sum(x, mixed), state

    def _sum(self, x: Tensor, mixed: Tensor) -> Tensor:
        return x + self.dropout(mixed) + self.feed_forward(self.feed_forward_norm(x))  # type: ignore[no-any-return]


def build(config: GptNeoxConfig, data: TokenData, kernels: Kernels) -> TokenModel:
    """The network for sequences of `data`."""
    return TokenModel(
        vocab=data.vocab,
        d_model=config.d_model,
        blocks=[_block(config, kernels) for _ in range(config.num_layers)],
        norm=nn.LayerNorm(config.d_model),
        tie_embeddings=config.tie_embeddings,
        dropout=config.dropout,
    )


def _block(config: GptNeoxConfig, kernels: Kernels) -> Block:
    mixer = SelfAttention(
        config.d_model,
        config.num_heads,
        kernels["attention"],
        rotary=True,
        rotary_width=config.rotary_width,
        rotary_base=config.rotary_base,
    )
    feed_forward = FeedForward(config.d_model, config.mlp_ratio * config.d_model, config.dropout)
    kind = ParallelBlock if config.parallel else PreNormBlock
    return kind(config.d_model, mixer, feed_forward, config.dropout)
