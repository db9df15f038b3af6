"""Pictures that trials left, for the board that the trials are on."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.reports.entries import Entry

KINDS = {".png": "image/png", ".gif": "image/gif", ".svg": "image/svg+xml"}
Files = Mapping[str, Mapping[str, bytes]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture of one entry, as a URI that holds it whole."""

    name: str
    uri: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Gallery:
    """The pictures of an entry's first seed that left any."""

    label: str
    seed: int
    pictures: tuple[Picture, ...]


def make_galleries(entries: Sequence[Entry], files: Files) -> tuple[Gallery, ...]:
    """A gallery for each entry with pictures, in the order of the board."""
    galleries = []
    for entry in entries:
        for replicate in entry.replicates:
            if pictures := _pictures(files.get(replicate.trial_id, {})):
                galleries.append(Gallery(label=entry.label, seed=replicate.seed, pictures=pictures))
                break
    return tuple(galleries)


def _pictures(files: Mapping[str, bytes]) -> tuple[Picture, ...]:
    found = []
    for name, content in sorted(files.items()):
        stem, dot, suffix = name.rpartition(".")
        if dot + suffix in KINDS:
            uri = f"data:{KINDS[dot + suffix]};base64,{base64.b64encode(content).decode()}"
            found.append(Picture(name=stem.replace("_", " "), uri=uri))
    return tuple(found)
