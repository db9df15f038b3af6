"""Stacked LSTM layers (Hochreiter and Schmidhuber 1997) between an embedding and a head."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from harness.interfaces import Kernels, TokenData
from harness_baselines.config import LSTMConfig


class LSTMModel(nn.Module):
    """Token ids in, logits out. The streaming state is torch's own: hidden and cell states [layers, batch, d_model]."""

    def __init__(self, vocab: int, d_model: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, d_model)
        self.dropout = nn.Dropout(dropout)
        self.lstm = nn.LSTM(d_model, d_model, num_layers, batch_first=True)
        self.head = nn.Linear(d_model, vocab, bias=False)

    def forward(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length vocab"]:
        hidden, _ = self.lstm(self.dropout(self.embedding(tokens)))  # [B, L, D]
        return self.head(self.dropout(hidden))  # type: ignore[no-any-return]

    def read(self, tokens: Int[Tensor, "batch length"]) -> tuple[Float[Tensor, "batch vocab"], tuple[Tensor, Tensor]]:
        """Read whole sequences; return the logits after the last token and the state there."""
        hidden, state = self.lstm(self.dropout(self.embedding(tokens)))
        return self.head(self.dropout(hidden[:, -1])), state

    def join(self, states: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """The state of all sequences of several batches, one batch after the other."""
        hidden, cell = zip(*states, strict=True)
        return torch.cat(hidden, dim=1), torch.cat(cell, dim=1)

    def select(self, state: tuple[Tensor, Tensor], rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """The state of the sequences with these numbers, in that order; one may be named twice."""
        hidden, cell = state
        return hidden[:, list(rows)], cell[:, list(rows)]

    def initial_state(self, batch: int) -> tuple[Tensor, Tensor]:
        """Zero hidden and cell states."""
        zero = self.embedding.weight.new_zeros(self.lstm.num_layers, batch, self.lstm.hidden_size)
        return zero, zero

    def step(
        self, tokens: Int[Tensor, " batch"], state: tuple[Tensor, Tensor]
    ) -> tuple[Float[Tensor, "batch vocab"], tuple[Tensor, Tensor]]:
        """Read one token a sequence; return the logits after it and the new state."""
        hidden, state = self.lstm(self.dropout(self.embedding(tokens))[:, None], state)
        return self.head(self.dropout(hidden[:, 0])), state


def build(config: LSTMConfig, data: TokenData, kernels: Kernels) -> LSTMModel:
    """The network for sequences of `data`; it uses none of the kernels."""
    return LSTMModel(data.vocab, config.d_model, config.num_layers, config.dropout)
