"""Embedding, blocks, norm, head: the part of a token model that is not the paper's, whole or one token at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import groupby
from typing import Any, TypeAlias

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

State: TypeAlias = Any
"""A nested tuple, list or dict of tensors: what a module remembers of the tokens that it has read."""

EMBEDDING_STD = 0.02


class Streaming(nn.Module, ABC):
    """A causal map of sequences that can also go through them one position at a time."""

    @abstractmethod
    def forward(self, x: Float[Tensor, "batch length d_model"]) -> Float[Tensor, "batch length d_model"]: ...

    @abstractmethod
    def initial_state(self, batch: int) -> State:
        """The state of `batch` sequences of which nothing was read."""

    @abstractmethod
    def step(self, x: Float[Tensor, "batch d_model"], state: State) -> tuple[Float[Tensor, "batch d_model"], State]:
        """What `forward` gives at the next position, and the state after it."""

    def read(self, x: Float[Tensor, "batch length d_model"]) -> tuple[Float[Tensor, "batch length d_model"], State]:
        """What `forward` gives, and the state after the last position: by steps, where nothing faster is written."""
        state, outputs = self.initial_state(x.shape[0]), []
        for column in x.unbind(1):
            y, state = self.step(column, state)
            outputs.append(y)
        return torch.stack(outputs, dim=1), state

    def join(self, states: Sequence[State]) -> State:
        """The state of all sequences of several batches, which may have read differently many tokens.

        Here the batch is the first axis of every tensor.
        """
        return concatenate(states)

    def select(self, state: State, rows: Sequence[int]) -> State:
        """The state of the sequences with these numbers; one may be named twice."""
        return take(state, rows)


def take(state: State, rows: Sequence[int]) -> State:
    """These rows along the first axis of every tensor."""
    if isinstance(state, Tensor):
        return state[list(rows)]
    if isinstance(state, dict):
        return {name: take(part, rows) for name, part in state.items()}
    return type(state)(take(part, rows) for part in state)


def take_of_groups(
    state: Sequence[tuple[Tensor, ...]], rows: Sequence[int], shared: int = 0
) -> tuple[tuple[Tensor, ...], ...]:
    """These sequences of a state in groups, in which the last `shared` tensors are of the group and not of each."""
    places = [(number, row) for number, group in enumerate(state) for row in range(len(group[0]))]
    chosen = groupby((places[row] for row in rows), key=lambda place: place[0])
    groups = []
    for number, members in chosen:
        inside = [row for _, row in members]
        own = len(state[number]) - shared
        groups.append((*(tensor[inside] for tensor in state[number][:own]), *state[number][own:]))
    return tuple(groups)


def concatenate(states: Sequence[State]) -> State:
    """Nested states joined along the first axis of every tensor."""
    first = states[0]
    if isinstance(first, Tensor):
        return torch.cat(tuple(states))
    if isinstance(first, dict):
        return {name: concatenate([state[name] for state in states]) for name in first}
    return type(first)(concatenate(parts) for parts in zip(*states, strict=True))


class Mixer(Streaming, ABC):
    """A causal map of sequences without residual, norm or position-wise layers around it."""


class Block(Streaming, ABC):
    """A causal map of sequences with its residual inside."""


class TokenModel(nn.Module):
    """Token ids in, logits out: embedding, blocks, final norm and a head without bias.

    Embeddings are drawn from N(0, embedding_std) and multiplied by `embedding_scale` where they are read. `positions`
    maps position numbers to vectors that are added to them. The streaming state is the list of the blocks' states,
    followed by the number of tokens that each sequence has read where there are positions.
    """

    def __init__(
        self,
        *,
        vocab: int,
        d_model: int,
        blocks: Sequence[nn.Module],
        norm: nn.Module,
        tie_embeddings: bool = False,
        dropout: float = 0.0,
        positions: nn.Module | None = None,
        embedding_std: float = EMBEDDING_STD,
        embedding_scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab, d_model)
        nn.init.normal_(self.embedding.weight, std=embedding_std)
        self.embedding_scale = embedding_scale
        self.positions = positions
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(blocks)
        self.norm = norm
        self.head = nn.Linear(d_model, vocab, bias=False)
        if tie_embeddings:
            self.head.weight = self.embedding.weight

    def _embed(self, tokens: Int[Tensor, ...]) -> Float[Tensor, "... d_model"]:
        embedded = self.embedding(tokens)
        return embedded if self.embedding_scale == 1.0 else embedded * self.embedding_scale  # type: ignore[no-any-return]

    def _embed_whole(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length d_model"]:
        x = self._embed(tokens)
        if self.positions is not None:
            x = x + self.positions(torch.arange(tokens.shape[1], device=tokens.device)).to(x.dtype)
        return self.dropout(x)  # type: ignore[no-any-return]

    def forward(self, tokens: Int[Tensor, "batch length"]) -> Float[Tensor, "batch length vocab"]:
        x = self._embed_whole(tokens)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))  # type: ignore[no-any-return]

    def read(self, tokens: Int[Tensor, "batch length"]) -> tuple[Float[Tensor, "batch vocab"], list[State]]:
        """Read whole sequences from their beginning; return the logits after the last token and the state there."""
        x = self._embed_whole(tokens)
        states = []
        for block in self.blocks:
            x, after = block.read(x)
            states.append(after)
        if self.positions is not None:
            states.append(torch.full((len(tokens),), tokens.shape[1], device=tokens.device))
        return self.head(self.norm(x[:, -1])), states

    def join(self, states: Sequence[list[State]]) -> list[State]:
        """The state of all sequences of several batches, one batch after the other."""
        joined = [block.join(parts) for block, *parts in zip(self.blocks, *states, strict=False)]
        if self.positions is not None:
            joined.append(torch.cat([state[-1] for state in states]))
        return joined

    def select(self, state: list[State], rows: Sequence[int]) -> list[State]:
        """The state of the sequences with these numbers, in that order; one may be named twice."""
        chosen = [block.select(part, rows) for block, part in zip(self.blocks, state, strict=False)]
        if self.positions is not None:
            chosen.append(state[-1][list(rows)])
        return chosen

    def initial_state(self, batch: int) -> list[State]:
        """The state of `batch` empty sequences."""
        states = [block.initial_state(batch) for block in self.blocks]
        if self.positions is not None:
            states.append(torch.zeros(batch, dtype=torch.long, device=self.embedding.weight.device))
        return states

    def step(
        self, tokens: Int[Tensor, " batch"], state: list[State]
    ) -> tuple[Float[Tensor, "batch vocab"], list[State]]:
        """Read one token a sequence; return the logits after it and the new state."""
        x = self._embed(tokens)  # [B, D]
        if self.positions is not None:
            x = x + self.positions(state[-1]).to(x.dtype)
        x = self.dropout(x)
        states = []
        for block, before in zip(self.blocks, state, strict=False):
            x, after = block.step(x, before)
            states.append(after)
        if self.positions is not None:
            states.append(state[-1] + 1)
        return self.head(self.norm(x)), states
