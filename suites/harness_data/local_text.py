"""Any local file or folder as text."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from harness.interfaces import BuiltDataset, Streams
from harness.specs import Tier
from harness_data.corpora import Corpus, TextFile, split_corpus
from harness_data.files import list_files, read_bytes, stamp
from harness_data.options import Options


class LocalTextConfig(Options):
    """Which files."""

    path: str = Field(description="a file, or a folder whose files are read in sorted order", min_length=1)
    suffix: str = Field("", description="in a folder, only files whose name ends so")


def fingerprint(config: LocalTextConfig) -> str:
    """Names, sizes and times of the files."""
    return local_fingerprint(Path(config.path), config.suffix)


def build(config: LocalTextConfig, streams: Streams) -> BuiltDataset:
    """`text` uint8 [bytes]."""
    corpus = read_local_text(Path(config.path), config.suffix)
    return BuiltDataset(
        splits=corpus.arrays(), tier=Tier.OFFLINE, provenance=local_provenance(Path(config.path), corpus)
    )


def read_local_text(path: Path, suffix: str = "") -> Corpus:
    """The files' bytes, each file whole in one split where there are enough of them."""
    root = path if path.is_dir() else path.parent
    return split_corpus(
        TextFile(name=name, group=name, content=read_bytes(file))
        for file in list_files(path, suffix)
        for name in [file.relative_to(root).as_posix()]
    )


def local_fingerprint(path: Path, suffix: str = "") -> str:
    """See `fingerprint`."""
    return stamp(list_files(path, suffix))


def local_provenance(path: Path, corpus: Corpus) -> str:
    """What a row says about this text; of the path only its last name, since rows are shared."""
    total = sum(len(text) for text in corpus.splits.values())
    return f"local text {path.name}, {total} bytes; {corpus.protocol}"
