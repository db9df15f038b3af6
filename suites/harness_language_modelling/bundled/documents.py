"""Documents of the bundled tasks, made from held-out sources of the Python standard library. lm-eval calls these."""

from __future__ import annotations

import keyword
import random
import re
from collections.abc import Iterator
from typing import Any

from harness_data.stdlib_text import read_stdlib

IDENTIFIER = re.compile(r"(?<![A-Za-z0-9_])[A-Za-z_][A-Za-z0-9_]{1,19}(?![A-Za-z0-9_])")
SHORTEST = 4
CONTEXT = 240
NUM_CHOICES = 4


def cloze(num_documents: int, **metadata: Any) -> dict[str, Any]:
    """An identifier that stands in the 240 characters before it, and has to be written again."""
    rows = [
        {"context": context, "identifier": identifier}
        for context, identifier in _spread(list(_recurring(_text())), num_documents)
    ]
    return _dataset(rows)


def choice(num_documents: int, **metadata: Any) -> dict[str, Any]:
    """The same with four identifiers to choose from, all of different length.

    The right one is as often the shortest, the second, the third and the longest, and stands as often in each place, so
    that length and place alone answer one document in four.
    """
    text = _text()
    pool = sorted({found[0] for found in IDENTIFIER.finditer(text) if not keyword.iskeyword(found[0])})
    generator = random.Random("identifier choice")
    rows: list[dict[str, Any]] = []
    for context, identifier in _spread(list(_recurring(text)), 4 * num_documents):
        num_shorter, place = len(rows) % NUM_CHOICES, len(rows) // NUM_CHOICES % NUM_CHOICES
        others = _others(identifier, num_shorter, pool, generator)
        if others is not None:
            rows.append({"context": context, "choices": [*others[:place], identifier, *others[place:]], "right": place})
        if len(rows) == num_documents:
            break
    return _dataset(rows)


def texts(num_documents: int, **metadata: Any) -> dict[str, Any]:
    """Stretches of 1,000 characters, spread evenly."""
    text = _text()
    starts = range(0, len(text) - 1_000, max(1, (len(text) - 1_000) // num_documents))
    return _dataset([{"text": text[start : start + 1_000]} for start in starts][:num_documents])


def _text() -> str:
    return read_stdlib().splits["test"].decode("utf-8", errors="replace")


def _recurring(text: str) -> Iterator[tuple[str, str]]:
    """Each identifier once: a fifth of all would be `self`, which is known without reading."""
    asked: set[str] = set()
    for found in IDENTIFIER.finditer(text, CONTEXT):
        name, context = found[0], text[found.start() - CONTEXT : found.start()]
        if len(name) < SHORTEST or keyword.iskeyword(name) or name in asked:
            continue
        if name in IDENTIFIER.findall(context):
            asked.add(name)
            yield context, name


def _spread(rows: list[tuple[str, str]], count: int) -> list[tuple[str, str]]:
    count = min(count, len(rows))
    return [rows[index * len(rows) // count] for index in range(count)]


def _others(identifier: str, num_shorter: int, pool: list[str], generator: random.Random) -> list[str] | None:
    """Three other identifiers in an order of their own, so many of them shorter; None where there are none such."""
    by_length: dict[int, list[str]] = {}
    for name in pool:
        by_length.setdefault(len(name), []).append(name)
    shorter = [length for length in by_length if length < len(identifier)]
    longer = [length for length in by_length if length > len(identifier)]
    num_longer = NUM_CHOICES - 1 - num_shorter
    if len(shorter) < num_shorter or len(longer) < num_longer:
        return None
    lengths = [*generator.sample(sorted(shorter), num_shorter), *generator.sample(sorted(longer), num_longer)]
    others = [generator.choice(by_length[length]) for length in lengths]
    generator.shuffle(others)
    return others


def _dataset(rows: list[dict[str, Any]]) -> dict[str, Any]:
    from datasets import Dataset

    return {"test": Dataset.from_list(rows)}
