"""Log-probabilities of continuations by forward passes of a causal model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor, nn

from harness.errors import UsageError

Tokens: TypeAlias = tuple[int, ...]
POSITIONS = 128


@dataclass(frozen=True, slots=True)
class Span:
    """What a model reads and what is scored: `targets` are the tokens after the last `len(targets)` inputs.

    `dropped` counts the oldest tokens of the context that went to make it fit.
    """

    inputs: Tokens
    targets: Tokens
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Score:
    """Log-probability in nats, and whether every target is the most likely token at its place."""

    log_probability: float
    is_greedy: bool


def make_span(context: Sequence[int], continuation: Sequence[int], max_length: int) -> Span:
    """The span of a continuation, whose context loses its oldest tokens where both need over `max_length` inputs.

    Raises UsageError for a continuation that alone is longer, or empty.
    """
    if not continuation:
        raise UsageError("a continuation has no tokens, so it has no probability; give at least one character")
    if not context:
        raise UsageError("a continuation has no context; give at least the tokenizer's prefix")
    if len(continuation) > max_length:
        raise UsageError(
            f"a continuation has {len(continuation)} tokens and the model reads at most {max_length}; "
            f"use max_length={len(continuation)} or more"
        )
    whole = (*context, *continuation)
    dropped = max(0, len(whole) - 1 - max_length)
    return Span(whole[dropped:-1], tuple(continuation), dropped)


def score_spans(
    module: nn.Module, spans: Sequence[Span], *, batch_size: int, device: torch.device
) -> Iterator[list[tuple[int, Score]]]:
    """After each forward pass, the scores that it gave with the index of their span.

    `module` maps tokens [batch, length] to logits [batch, length, vocab] and is causal, so inputs that begin other
    inputs are read with those, and padding on the right changes nothing.
    """
    shared = share_inputs([span.inputs for span in spans])
    longest_first = sorted(shared, key=len, reverse=True)
    for start in range(0, len(longest_first), batch_size):
        rows = longest_first[start : start + batch_size]
        logits = read(module, rows, device)
        yield [
            (index, score)
            for row, inputs in enumerate(rows)
            for index, score in _scores(logits[row], spans, shared[inputs])
        ]


def share_inputs(inputs: Sequence[Tokens]) -> Mapping[Tokens, list[int]]:
    """The inputs that begin no other, each with the indices of all those that it begins with, itself among them."""
    readers: dict[Tokens, list[int]] = {}
    by_content: dict[Tokens, list[int]] = {}
    for index, tokens in enumerate(inputs):
        by_content.setdefault(tokens, []).append(index)
    reader: Tokens = ()
    # In the order of dictionaries, a sequence that begins others comes right before one of them.
    for tokens in sorted(by_content, reverse=True):
        if reader[: len(tokens)] != tokens:
            reader = tokens
        readers.setdefault(reader, []).extend(by_content[tokens])
    return readers


def read(module: nn.Module, rows: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Logits [rows, longest, vocab] of sequences that are padded on the right with zeros."""
    longest = max(map(len, rows))
    tokens = torch.tensor([(*row, *[0] * (longest - len(row))) for row in rows], device=device)
    with torch.no_grad():
        return module(tokens)  # type: ignore[no-any-return]


def _scores(logits: Tensor, spans: Sequence[Span], indices: Sequence[int]) -> Iterator[tuple[int, Score]]:
    """Scores of the spans that one row of logits [length, vocab] serves."""
    places = {
        index: slice(len(spans[index].inputs) - len(spans[index].targets), len(spans[index].inputs))
        for index in indices
    }
    first = min(place.start for place in places.values())
    last = max(place.stop for place in places.values())
    scored = logits[first:last]
    most_likely = scored.argmax(dim=-1)
    # In parts, since all positions in float64 may be more than the pass itself took.
    normalizers = torch.cat([part.double().logsumexp(dim=-1) for part in scored.split(POSITIONS)])
    for index, place in places.items():
        targets = torch.tensor(spans[index].targets, device=logits.device)
        here = slice(place.start - first, place.stop - first)
        chosen = scored[here].gather(1, targets[:, None])[:, 0].double() - normalizers[here]
        yield index, Score(float(chosen.sum()), bool((most_likely[here] == targets).all()))
