"""Byte-level classification of real documents: film reviews or e-mails (Long Range Arena's task Text)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from harness.errors import MissingDataError
from harness.interfaces import BuiltDataset, Streams
from harness.specs import Tier
from harness_data.classes import class_facts
from harness_data.documents import Document, pad_documents
from harness_data.imdb import HUB_NAME, imdb_fingerprint, imdb_provenance, read_imdb, read_imdb_hub
from harness_data.options import Options
from harness_data.spam_assassin import SPAM_PROVENANCE, read_spam_assassin, spam_fingerprint

NUM_CLASSES = 2


class TextClassificationConfig(Options):
    """Which documents and how much of each. LRA's paper reads 1000 to 4000 bytes of IMDB."""

    source: Literal["spam_assassin", "imdb", "imdb_hub"] = Field(
        "spam_assassin", description="e-mails or reviews from a local folder, or reviews from the hub"
    )
    folder: str = Field("", description="folder of the documents; imdb_hub needs none")
    length: int = Field(1024, description="bytes kept of each document", gt=0)

    @model_validator(mode="after")
    def _folder_belongs_to_source(self) -> TextClassificationConfig:
        if self.source == "imdb_hub" and self.folder:
            raise ValueError(
                "folder is given with source=imdb_hub, which reads none; leave it out or choose another source"
            )
        return self

    @property
    def local_folder(self) -> Path:
        """Raises MissingDataError when none is given."""
        if not self.folder:
            raise MissingDataError(
                f"no folder is given and source={self.source} reads one; give it with text_classification.folder=..., "
                "or use text_classification.source=imdb_hub where there is a network"
            )
        return Path(self.folder)


def fingerprint(config: TextClassificationConfig) -> str:
    """Changes when the documents do."""
    if config.source == "imdb_hub":
        return HUB_NAME
    stamp = imdb_fingerprint if config.source == "imdb" else spam_fingerprint
    return stamp(config.local_folder)


def build(config: TextClassificationConfig, streams: Streams) -> BuiltDataset:
    """Inputs are bytes, cut off at `length` and padded with zeros on the right; label 1 is positive, or spam."""
    documents, tier, provenance = _documents(config)
    splits = {}
    for split, part in documents.items():
        arrays = pad_documents(part, config.length)
        splits[split] = {"inputs": arrays["text"], "lengths": arrays["lengths"], "labels": arrays["labels"]}
    return BuiltDataset(splits=splits, tier=tier, provenance=provenance, facts=class_facts(splits, NUM_CLASSES))


def _documents(config: TextClassificationConfig) -> tuple[dict[str, list[Document]], Tier, str]:
    if config.source == "imdb_hub":
        return read_imdb_hub(), Tier.ONLINE, imdb_provenance(hub=True)
    if config.source == "imdb":
        return read_imdb(config.local_folder), Tier.OFFLINE, imdb_provenance(hub=False)
    return read_spam_assassin(config.local_folder), Tier.OFFLINE, SPAM_PROVENANCE
