"""Labelled texts of different lengths as right-padded arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.errors import DataError
from harness.interfaces import Array


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """A text and its class."""

    text: bytes
    label: int


def distinct_documents(documents: Sequence[Document]) -> list[Document]:
    """The documents without empty ones and without copies, in an order that a hash of their text gives.

    A text that occurs with two labels is left out altogether.
    """
    labels: dict[bytes, set[int]] = {}
    for document in documents:
        labels.setdefault(document.text.strip(), set()).add(document.label)
    kept = [Document(text=text, label=found.pop()) for text, found in labels.items() if text and len(found) == 1]
    return sorted(kept, key=lambda document: hashlib.sha256(document.text).digest())


def pad_documents(documents: Sequence[Document], length: int) -> dict[str, Array]:
    """`text` uint8 [N, length], cut off or padded with zeros on the right, `lengths` [N] and `labels` [N]."""
    text = np.zeros((len(documents), length), dtype=np.uint8)
    lengths = np.empty(len(documents), dtype=np.int32)
    for row, document in enumerate(documents):
        start = np.frombuffer(document.text, dtype=np.uint8, count=min(length, len(document.text)))
        text[row, : len(start)] = start
        lengths[row] = len(start)
    return {"text": text, "lengths": lengths, "labels": np.array([d.label for d in documents], dtype=np.uint8)}


def held_out(documents: Sequence[Document], share: float) -> tuple[list[Document], list[Document]]:
    """The first `share` of the documents, at least one, and the rest."""
    cut = max(1, round(len(documents) * share))
    if cut >= len(documents):
        raise DataError(f"{len(documents)} documents; at least two are needed to hold some out; give more files")
    return list(documents[:cut]), list(documents[cut:])
