"""The windows in which lm-eval reads a text that may be longer than the model's longest input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from harness.bridges.lm_eval.scoring import Span, make_span


def rolling_spans(tokens: Sequence[int], prefix: int, max_length: int) -> Iterator[Span]:
    """Spans that together predict every token once, the first after the prefix; the last has the longest context."""
    windows = get_rolling_token_windows(
        token_list=list(tokens), prefix_token=prefix, max_seq_len=max_length, context_len=1
    )
    for context, continuation in map(make_disjoint_window, windows):
        yield make_span(context, continuation, max_length)
