"""Film reviews with their sentiment: a local folder with the published layout, or the hub when that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from harness.errors import MissingDataError
from harness.interfaces import BuiltDataset, Streams
from harness.specs import Tier
from harness_data.documents import Document, distinct_documents, held_out, pad_documents
from harness_data.files import list_files, read_bytes, stamp
from harness_data.hub import load_from_hub
from harness_data.options import Options

HUB_NAME = "stanfordnlp/imdb"
LABELS = {"neg": 0, "pos": 1}
VALIDATION_SHARE = 0.1


class ImdbConfig(Options):
    """Where the reviews are and how much of each is kept."""

    origin: Literal["folder", "hub"] = Field("folder", description="a local folder, or the hub by the package datasets")
    folder: str = Field("", description="folder that holds train/pos, train/neg, test/pos and test/neg")
    length: int = Field(4096, description="bytes kept of each review", gt=0)

    @model_validator(mode="after")
    def _folder_is_given(self) -> ImdbConfig:
        if self.origin == "folder" and not self.folder:
            raise ValueError(
                "folder is empty; the reviews are read from a folder; give it, or origin=hub where there is a network"
            )
        return self


def fingerprint(config: ImdbConfig) -> str:
    """Names, sizes and times of the files, or the hub's name for the set."""
    return HUB_NAME if config.origin == "hub" else imdb_fingerprint(Path(config.folder))


def build(config: ImdbConfig, streams: Streams) -> BuiltDataset:
    """`text` uint8 [N, length] padded on the right, `lengths` [N], `labels` [N] (1 is positive)."""
    hub = config.origin == "hub"
    documents = read_imdb_hub() if hub else read_imdb(Path(config.folder))
    return BuiltDataset(
        splits={split: pad_documents(part, config.length) for split, part in documents.items()},
        tier=Tier.ONLINE if hub else Tier.OFFLINE,
        provenance=imdb_provenance(hub),
    )


def imdb_provenance(hub: bool) -> str:
    """What a row says about the reviews."""
    return f"{f'hub {HUB_NAME}' if hub else 'IMDB reviews, local files'}; a tenth of train held out as validation"


def imdb_fingerprint(folder: Path) -> str:
    """See `fingerprint`."""
    return stamp([file for split in ("train", "test") for name in LABELS for file in _files(folder / split / name)])


def read_imdb(folder: Path) -> dict[str, list[Document]]:
    """The reviews by split."""
    return _splits(
        *(
            [
                Document(text=read_bytes(file), label=label)
                for name, label in LABELS.items()
                for file in _files(folder / split / name)
            ]
            for split in ("train", "test")
        )
    )


def read_imdb_hub() -> dict[str, list[Document]]:
    """The reviews by split, by the package `datasets`, which keeps its own cache."""
    loaded = load_from_hub(HUB_NAME, "give a local folder")
    return _splits(
        *(
            [Document(text=row["text"].encode(), label=int(row["label"])) for row in loaded[split]]
            for split in ("train", "test")
        )
    )


def _splits(train: list[Document], test: list[Document]) -> dict[str, list[Document]]:
    """Copies are dropped, and a training review that is also a test review is dropped from train."""
    tested = distinct_documents(test)
    seen = {document.text for document in tested}
    validation, rest = held_out([d for d in distinct_documents(train) if d.text not in seen], VALIDATION_SHARE)
    return {"train": rest, "validation": validation, "test": tested}


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise MissingDataError(
            f"{folder} does not exist; IMDB's folder holds train/pos, train/neg, test/pos and test/neg; "
            "give the folder that the published archive unpacks to"
        )
    return list_files(folder, ".txt")
