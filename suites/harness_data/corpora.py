"""Text in many files, cut into train, validation and test so that no file, and no package of files, is in two."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from harness.errors import DataError
from harness.interfaces import Array

HELD_OUT = 0.1
LARGEST_SHARE = 0.25


@dataclass(frozen=True, kw_only=True, slots=True)
class TextFile:
    """A file's name, the group that stays together, and the bytes."""

    name: str
    group: str
    content: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Corpus:
    """The bytes of each split, and how they were cut."""

    splits: Mapping[str, bytes]
    protocol: str

    def arrays(self) -> dict[str, dict[str, Array]]:
        """`text` uint8 [bytes] for each split."""
        return {split: {"text": np.frombuffer(text, dtype=np.uint8)} for split, text in self.splits.items()}


def split_corpus(files: Iterable[TextFile]) -> Corpus:
    """A tenth of the bytes to test, a tenth to validation, the rest to train.

    Groups are dealt out whole, in an order that a hash of their names gives; one that would be more than a quarter of
    a held-out split goes to train, so that no single group is what a score is about. Where too few groups remain to
    fill the splits, the text is cut at four fifths and nine tenths instead, and `protocol` says so.
    """
    ordered = sorted(files, key=lambda file: file.name)
    total = sum(len(file.content) for file in ordered)
    quota = int(total * HELD_OUT)
    destination = _deal(ordered, quota)
    parts = {
        split: b"".join(file.content for file in ordered if destination[file.group] == split)
        for split in ("train", "validation", "test")
    }
    if min(len(parts["validation"]), len(parts["test"])) >= quota // 2 > 0:
        return Corpus(splits=parts, protocol="split by groups of files")
    return _cut(b"".join(file.content for file in ordered))


def _deal(files: list[TextFile], quota: int) -> dict[str, str]:
    sizes: dict[str, int] = {}
    for file in files:
        sizes[file.group] = sizes.get(file.group, 0) + len(file.content)
    room = {"test": quota, "validation": quota}
    destination: dict[str, str] = {}
    for group in sorted(sizes, key=lambda name: hashlib.sha256(name.encode()).digest()):
        fits = [split for split in room if sizes[group] <= min(room[split], quota * LARGEST_SHARE)]
        destination[group] = fits[0] if fits else "train"
        if fits:
            room[fits[0]] -= sizes[group]
    return destination


def _cut(text: bytes) -> Corpus:
    if len(text) < 10:
        raise DataError(f"the text has {len(text)} bytes; at least 10 are needed for three splits; give a longer one")
    first, second = len(text) * 8 // 10, len(text) * 9 // 10
    return Corpus(
        splits={"train": text[:first], "validation": text[first:second], "test": text[second:]},
        protocol="one text cut at four fifths and nine tenths",
    )
