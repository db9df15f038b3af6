"""How a token is drawn, and the options with which lm-eval's tasks say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from harness.errors import UsageError
from harness.registry import suggest


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """Draw from the softmax of logits / temperature, of the `top_k` most likely tokens (0 is all of them) and of
    those the fewest that have the probability `top_p` together."""

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerationOptions:
    """Options of a request: where to stop, after how many tokens at most, how tokens are chosen (None: greedily)."""

    until: tuple[str, ...]
    max_tokens: int
    sampling: Sampling | None


TAKEN = ("until", "max_gen_toks", "do_sample", "temperature", "top_k", "top_p")


def parse_generation(options: Mapping[str, Any]) -> GenerationOptions:
    """From options whose names and defaults lm-eval has made uniform. Raises UsageError for one that is not known."""
    for name in options:
        if name not in TAKEN:
            raise UsageError(f"generation has no option {name!r} here; {suggest(name, TAKEN)}")
    until = tuple(text for text in options["until"] if text)
    max_tokens = int(options["max_gen_toks"])
    if max_tokens < 1:
        raise UsageError(f"max_gen_toks={max_tokens}: nothing would be generated; give 1 or more")
    return GenerationOptions(until=until, max_tokens=max_tokens, sampling=_sampling(options))


def _sampling(options: Mapping[str, Any]) -> Sampling | None:
    if not options.get("do_sample", False):
        return None
    chosen = Sampling(
        temperature=float(options.get("temperature", 1.0)),
        top_k=int(options.get("top_k", 0)),
        top_p=float(options.get("top_p", 1.0)),
    )
    if chosen.temperature <= 0:
        raise UsageError(f"do_sample with temperature={chosen.temperature}; give one above 0, or do_sample=false")
    if chosen.top_k < 0 or not 0 < chosen.top_p <= 1:
        raise UsageError(f"top_k={chosen.top_k}, top_p={chosen.top_p}; top_k is 0 or more, top_p above 0 and at most 1")
    return chosen


def sample(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """One token from logits [vocab]. The generator is one of the CPU, so that every device draws the same."""
    scores = logits.double().cpu() / sampling.temperature
    ordered, tokens = scores.sort(descending=True, stable=True)
    if sampling.top_k:
        ordered = ordered[: sampling.top_k]
    cumulative = torch.softmax(ordered, dim=0).cumsum(dim=0)
    # The token with which the sum reaches top_p is the last that is kept.
    kept = int((cumulative < sampling.top_p).sum()) + 1
    cumulative = cumulative[:kept]
    point = torch.rand(1, generator=generator, dtype=torch.float64) * cumulative[-1]
    return int(tokens[min(int(torch.searchsorted(cumulative, point, right=True)), len(cumulative) - 1)])
