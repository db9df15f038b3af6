"""One text in the making: its prompt, what was written after it, and when it is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from harness.bridges.lm_eval.sampling import GenerationOptions, sample
from harness.bridges.lm_eval.tokenization import Tokenizer
from harness.errors import UsageError


@dataclass(slots=True)
class Writing:
    """`prompt` has at least one token, and `dropped` counts those that it lost at its beginning.

    A text is done after `options.max_tokens` tokens, after the tokenizer's end, or once it has one of `options.until`.
    `generator` draws the tokens where the options ask for sampling.
    """

    prompt: Sequence[int]
    dropped: int
    options: GenerationOptions
    tokenizer: Tokenizer
    generator: torch.Generator
    written: list[int] = field(default_factory=list)
    done: bool = False

    @property
    def length(self) -> int:
        return len(self.prompt) + len(self.written)

    @property
    def text(self) -> str:
        """What was written, which may go beyond a text of `until`."""
        return self.tokenizer.decode(self.written)

    def at(self, place: int) -> int:
        """The token at a place; past the end, where only rows that are done are read, the last."""
        if place < len(self.prompt):
            return self.prompt[place]
        return self.written[min(place - len(self.prompt), len(self.written) - 1)]

    def append(self, token: int) -> None:
        self.written.append(token)
        self.done = (
            len(self.written) == self.options.max_tokens
            or token == self.tokenizer.end
            or (bool(self.options.until) and self._has_stop())
        )

    def _has_stop(self) -> bool:
        text = self.text
        return any(stop in text for stop in self.options.until)


def begin(
    prompt: Sequence[int],
    options: GenerationOptions,
    *,
    tokenizer: Tokenizer,
    max_length: int,
    generator: torch.Generator,
) -> Writing:
    """A text whose prompt and longest continuation fit `max_length`: the prompt loses its oldest tokens for that.

    An empty prompt becomes the tokenizer's prefix. Raises UsageError where no token of a prompt would be left.
    """
    room = max_length - options.max_tokens
    if room < 1:
        raise UsageError(
            f"max_gen_toks={options.max_tokens} leaves no room for a prompt in max_length={max_length}; "
            "lower the first or raise the second"
        )
    whole = list(prompt) or [tokenizer.prefix]
    return Writing(whole[-room:], max(0, len(whole) - room), options, tokenizer, generator)


def write(logits: Tensor, rows: Sequence[Writing]) -> None:
    """Append to every row the token that it takes from its logits [rows, vocab]."""
    for row, scores, most_likely in zip(rows, logits, logits.argmax(dim=-1).tolist(), strict=True):
        sampling = row.options.sampling
        row.append(most_likely if sampling is None else sample(scores, sampling, row.generator))
