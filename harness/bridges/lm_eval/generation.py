"""Text token by token: by the model's streaming state where it has one, else by reading everything again."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor, nn

from harness.bridges.lm_eval.scoring import read
from harness.bridges.lm_eval.writing import Writing, write
from harness.interfaces import ReadsTokens, StepsTokens


def generate(module: nn.Module, rows: Sequence[Writing], device: torch.device) -> None:
    """Write all rows to their end."""
    with torch.no_grad():
        if not isinstance(module, StepsTokens):
            recompute(module, rows, device)
        elif isinstance(module, ReadsTokens):
            read_and_step(module, rows, device)
        else:
            step(module, rows, device)


def read_and_step(model: ReadsTokens, rows: Sequence[Writing], device: torch.device) -> None:
    """Write by the model's state, which takes prompts of one length at once."""
    assert isinstance(model, StepsTokens)
    rows = sorted(rows, key=lambda row: len(row.prompt))
    groups = [list(group) for _, group in groupby(rows, key=lambda row: len(row.prompt))]
    read = [model.read(_tokens([row.prompt for row in group], device)) for group in groups]
    logits, state = torch.cat([logits for logits, _ in read]), model.join([state for _, state in read])
    write(logits, rows)
    while unfinished := [index for index, row in enumerate(rows) if not row.done]:
        if len(unfinished) < len(rows):
            rows, state = [rows[index] for index in unfinished], model.select(state, unfinished)
        logits, state = model.step(_tokens([row.written[-1] for row in rows], device), state)
        write(logits, rows)


def step(model: StepsTokens, rows: Sequence[Writing], device: torch.device) -> None:
    """Write by the model's state, which reads one token of each row at a time.

    Rows start together and need not be of one length: while one still reads its prompt, another writes.
    """
    state = model.initial_state(len(rows))
    place = 0
    while not all(row.done for row in rows):
        logits, state = model.step(_tokens([row.at(place) for row in rows], device), state)
        place += 1
        due = [index for index, row in enumerate(rows) if not row.done and row.length == place]
        if due:
            write(logits[due], [rows[index] for index in due])


def recompute(module: nn.Module, rows: Sequence[Writing], device: torch.device) -> None:
    """Write with a forward pass over all tokens of the unfinished rows for each new token."""
    while due := [row for row in rows if not row.done]:
        logits = read(module, [(*row.prompt, *row.written) for row in due], device)
        last = _tokens([row.length - 1 for row in due], device)
        write(logits[torch.arange(len(due), device=device), last], due)


def _tokens(numbers: Sequence[object], device: torch.device) -> Tensor:
    return torch.tensor(numbers, device=device)
