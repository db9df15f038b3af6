"""The Python standard library's own sources: real text that every machine with the harness has."""

from __future__ import annotations

import hashlib
import os
import platform
import sysconfig
from pathlib import Path

from harness.interfaces import BuiltDataset, Streams
from harness.specs import Tier
from harness_data.corpora import Corpus, TextFile, split_corpus
from harness_data.files import read_bytes
from harness_data.options import Options

LEFT_OUT = frozenset({"test", "tests", "idle_test", "site-packages", "dist-packages", "__pycache__"})


class StdlibTextConfig(Options):
    """The standard library has no options."""


def fingerprint(config: StdlibTextConfig) -> str:
    """The Python version, with names and sizes of the sources, since distributions patch and cut the library."""
    return stdlib_fingerprint()


def build(config: StdlibTextConfig, streams: Streams) -> BuiltDataset:
    """`text` uint8 [bytes]."""
    corpus = read_stdlib()
    return BuiltDataset(splits=corpus.arrays(), tier=Tier.EMBEDDED, provenance=stdlib_provenance(corpus))


def read_stdlib() -> Corpus:
    """The sources without tests and installed packages, split by top-level package or module."""
    root = _root()
    return split_corpus(
        TextFile(
            name=path.relative_to(root).as_posix(), group=path.relative_to(root).parts[0], content=read_bytes(path)
        )
        for path in _sources(root)
    )


def stdlib_fingerprint() -> str:
    """See `fingerprint`."""
    root = _root()
    digest = hashlib.sha256()
    for path in _sources(root):
        digest.update(f"{path.relative_to(root).as_posix()}\0{path.stat().st_size}\n".encode())
    return f"python {platform.python_version()} {digest.hexdigest()}"


def stdlib_provenance(corpus: Corpus) -> str:
    """What a row says about this text."""
    total = sum(len(text) for text in corpus.splits.values())
    return f"sources of the Python {platform.python_version()} standard library, {total} bytes; {corpus.protocol}"


def _root() -> Path:
    return Path(sysconfig.get_path("stdlib"))


def _sources(root: Path) -> list[Path]:
    """Sorted. Folders that are left out are not entered: installed packages may hold many times more files."""
    found = []
    for folder, subfolders, files in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in LEFT_OUT]
        found += [Path(folder, name) for name in files if name.endswith(".py")]
    return sorted(found)
