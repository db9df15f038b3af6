"""Log-probabilities of continuations by forward passes of a causal model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

import torch
from torch import Tensor, nn

from harness.errors import UsageError
from harness.interfaces import ReadsTokens, StepsTokens

Tokens: TypeAlias = tuple[int, ...]
POSITIONS = 128
STEP_COST = 8
"""A step over one token of a batch is taken to cost as much as reading so many tokens of a sequence at once."""


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
    """After each batch, the scores that it gave with the index of their span.

    A context that several continuations follow is read once where the model can go on from there in several ways.
    """
    alone = list(range(len(spans)))
    if isinstance(module, ReadsTokens):
        families = shared_contexts(spans)
        together = {index for indices in families.values() for index in indices}
        alone = [index for index in alone if index not in together]
        yield from fork_contexts(module, spans, families, batch_size=batch_size, device=device)
    for scores in score_whole(module, [spans[index] for index in alone], batch_size=batch_size, device=device):
        yield [(alone[index], score) for index, score in scores]


def shared_contexts(spans: Sequence[Span]) -> dict[Tokens, list[int]]:
    """Contexts that several different continuations follow, with the indices of these, where that saves reading."""
    families: dict[Tokens, list[int]] = {}
    for index, span in enumerate(spans):
        families.setdefault(span.inputs[: len(span.inputs) - len(span.targets) + 1], []).append(index)
    return {
        context: indices
        for context, indices in families.items()
        if (len(indices) - 1) * len(context) > STEP_COST * max(len(spans[index].targets) for index in indices)
    }


def fork_contexts(
    module: ReadsTokens,
    spans: Sequence[Span],
    families: Mapping[Tokens, list[int]],
    *,
    batch_size: int,
    device: torch.device,
) -> Iterator[list[tuple[int, Score]]]:
    """Read each context once, and go on from its end with each of its continuations."""
    assert isinstance(module, StepsTokens)
    longest_first = sorted(families, key=len, reverse=True)
    for start in range(0, len(longest_first), batch_size):
        contexts = longest_first[start : start + batch_size]
        groups = [list(group) for _, group in groupby(contexts, key=len)]
        with torch.no_grad():
            read = [module.read(torch.tensor(group, device=device)) for group in groups]
            logits, state = torch.cat([logits for logits, _ in read]), module.join([state for _, state in read])
            rows = [row for row, context in enumerate(contexts) for _ in families[context]]
            indices = [index for context in contexts for index in families[context]]
            targets = [spans[index].targets for index in indices]
            state, logits = module.select(state, rows), logits[rows]
            parts = [logits]
            for place in range(max(map(len, targets)) - 1):
                # Past its end a continuation reads its last token again, which nobody looks at.
                column = [target[min(place, len(target) - 1)] for target in targets]
                logits, state = module.step(torch.tensor(column, device=device), state)
                parts.append(logits)
        yield [
            (index, _score(torch.stack([part[row] for part in parts[: len(target)]]), target))
            for row, (index, target) in enumerate(zip(indices, targets, strict=True))
        ]


def score_whole(
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


def _score(logits: Tensor, targets: Tokens) -> Score:
    """Of targets by the logits [targets, vocab] before each."""
    wanted = torch.tensor(targets, device=logits.device)
    chosen = logits.gather(1, wanted[:, None])[:, 0].double() - logits.double().logsumexp(dim=-1)
    return Score(float(chosen.sum()), bool((logits.argmax(dim=-1) == wanted).all()))
