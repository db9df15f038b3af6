"""Byte-level language modelling of real text: windows in which every next byte is predicted."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from harness.errors import DataError
from harness.interfaces import Array, BuiltDataset, Streams
from harness.specs import Tier
from harness_data.corpora import Corpus
from harness_data.local_text import local_fingerprint, local_provenance, read_local_text
from harness_data.ngrams import UNIFORM_BITS, ByteBigram, ByteUnigram
from harness_data.stdlib_text import read_stdlib, stdlib_fingerprint, stdlib_provenance
from harness_long_context.sampling import ExampleCounts


class TextLmConfig(ExampleCounts):
    """Which text and what windows."""

    source: Literal["stdlib", "path"] = Field("stdlib", description="Python's own sources, or a local file or folder")
    path: str = Field("", description="with source=path: a file, or a folder whose files are read in sorted order")
    suffix: str = Field("", description="with source=path: of a folder only files whose name ends so")
    length: int = Field(256, description="bytes predicted in a window", gt=0)

    @model_validator(mode="after")
    def _path_belongs_to_source(self) -> TextLmConfig:
        if self.source == "path" and not self.path:
            raise ValueError("path is empty; source=path reads a local file or folder; give it, or use source=stdlib")
        if self.source == "stdlib" and (self.path or self.suffix):
            raise ValueError("path and suffix are not read with source=stdlib; add source=path or leave them out")
        return self


def fingerprint(config: TextLmConfig) -> str:
    """Changes when the text does."""
    return stdlib_fingerprint() if config.source == "stdlib" else local_fingerprint(Path(config.path), config.suffix)


def build(config: TextLmConfig, streams: Streams) -> BuiltDataset:
    """Training windows start anywhere in the training files, each start once; held-out windows do not overlap and are
    spread evenly. The targets are the inputs one byte later. Facts are bits per byte on the test windows."""
    corpus, tier, provenance = _corpus(config)
    texts = {split: np.frombuffer(text, dtype=np.uint8) for split, text in corpus.splits.items()}
    starts = {
        "train": _random_starts(texts["train"], config.length, config.num_train, streams.numpy("train")),
        "validation": _even_starts(texts["validation"], config.length, config.num_validation, "validation"),
        "test": _even_starts(texts["test"], config.length, config.num_test, "test"),
    }
    splits = {split: _windows(texts[split], chosen, config.length) for split, chosen in starts.items()}
    return BuiltDataset(splits=splits, tier=tier, provenance=provenance, facts=reference_bits(texts["train"], splits))


def reference_bits(train: Array, splits: dict[str, dict[str, Array]]) -> dict[str, float]:
    """Bits per byte on the test windows without learning: uniform bytes, and counts over all of the training text."""
    validation, test = splits["validation"], splits["test"]
    bigram = ByteBigram.fit(train, validation["inputs"], validation["targets"])
    return {
        "chance": UNIFORM_BITS,
        "byte_unigram": ByteUnigram.count(train).bits_per_byte(test["targets"]),
        "byte_bigram": bigram.bits_per_byte(test["inputs"], test["targets"]),
    }


def _corpus(config: TextLmConfig) -> tuple[Corpus, Tier, str]:
    if config.source == "stdlib":
        corpus = read_stdlib()
        return corpus, Tier.EMBEDDED, stdlib_provenance(corpus)
    corpus = read_local_text(Path(config.path), config.suffix)
    return corpus, Tier.OFFLINE, local_provenance(Path(config.path), corpus)


def _random_starts(text: Array, length: int, count: int, generator: np.random.Generator) -> Array:
    places = len(text) - length
    if places < count:
        raise DataError(
            f"the training text of {len(text)} bytes has {max(places, 0)} windows of {length} bytes and the next; "
            f"num_train={count} are wanted; give more text or ask for fewer or shorter windows"
        )
    return generator.choice(places, size=count, replace=False)


def _even_starts(text: Array, length: int, count: int, split: str) -> Array:
    room = (len(text) - 1) // length
    if room < count:
        raise DataError(
            f"the {split} text of {len(text)} bytes has {room} windows of {length} bytes that do not overlap; "
            f"num_{split}={count} are wanted; give more text or ask for fewer or shorter windows"
        )
    return np.arange(count) * room // count * length


def _windows(text: Array, starts: Array, length: int) -> dict[str, Array]:
    windows = text[starts[:, None] + np.arange(length + 1)]
    return {"inputs": windows[:, :-1], "targets": windows[:, 1:].astype(np.int16)}
