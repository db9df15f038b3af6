"""CIFAR's archives: both layouts give the same splits, no pickle runs code, and damaged files are named."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import DataError, MissingDataError
from harness.interfaces import DatasetRequest
from harness.registry import Registry
from harness.runtime.datasets import load_dataset
from harness.specs import Tier
from harness_data.cifar import CIFAR10, CIFAR100, CifarArchive, CifarConfig, build_archive, fingerprint_cifar10
from harness_data.cifar_pickles import read_pickled_batch

SMALL10 = replace(
    CIFAR10, train={f"data_batch_{number}": 20 for number in range(1, 6)}, test={"test_batch": 10}, num_validation=30
)
SMALL100 = replace(CIFAR100, train={"train": 240}, test={"test": 100}, num_validation=40)
ARCHIVES = pytest.mark.parametrize("archive", [SMALL10, SMALL100], ids=lambda archive: archive.title)


def drawn(archive: CifarArchive) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Rows of pixels and classes for every file; the classes take turns."""
    generator = np.random.default_rng(0)
    return {
        name: (generator.integers(0, 256, (count, 3072), dtype=np.uint8), np.arange(count) % archive.num_classes)
        for name, count in (archive.train | archive.test).items()
    }


def write_binary(folder: Path, archive: CifarArchive) -> Path:
    """A byte 255 where CIFAR-100 has the coarse class, which is not read."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (rows, labels) in drawn(archive).items():
        before = [np.full((len(rows), archive.label_bytes - 1), 255), labels[:, None]]
        (folder / f"{name}.bin").write_bytes(np.hstack([*before, rows]).astype(np.uint8).tobytes())
    return folder


def write_python(folder: Path, archive: CifarArchive) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, (rows, labels) in drawn(archive).items():
        (folder / name).write_bytes(python2_pickle(rows, labels.tolist(), archive.label_key))
    return folder


def python2_pickle(rows: np.ndarray, labels: list[int], label_key: bytes) -> bytes:
    """A batch as Python 2 and the NumPy of its time pickled it: names are byte strings, protocol 2."""

    def text(value: bytes) -> bytes:
        return b"U" + bytes([len(value)]) + value

    dtype = (
        b"cnumpy\ndtype\n"
        + text(b"u1")
        + b"K\0K\1\x87R(K\3"
        + text(b"|")
        + b"NNN"
        + 2 * b"J\xff\xff\xff\xff"
        + b"K\0tb"
    )
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85" + text(b"b") + b"\x87R"
    shape = b"M" + struct.pack("<H", rows.shape[0]) + b"M" + struct.pack("<H", rows.shape[1]) + b"\x86"
    content = b"T" + struct.pack("<I", rows.nbytes) + rows.tobytes()
    array = made + b"(K\1" + shape + dtype + b"\x89" + content + b"tb"
    classes = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    entries = text(b"batch_label") + text(b"batch 1 of 1") + text(b"data") + array + text(label_key) + classes
    return b"\x80\2}(" + entries + b"u."


@ARCHIVES
def test_both_layouts_give_the_same_splits(tmp_path: Path, archive: CifarArchive) -> None:
    binary = archive.splits(str(write_binary(tmp_path / "binary", archive)))
    python = archive.splits(str(write_python(tmp_path / "python", archive)))
    np.testing.assert_equal(python, binary)


@ARCHIVES
def test_splits_are_the_files_in_order(tmp_path: Path, archive: CifarArchive) -> None:
    splits = archive.splits(str(write_binary(tmp_path, archive)))
    rows = np.concatenate([rows for rows, _ in drawn(archive).values()])
    read = np.concatenate([splits[split]["images"] for split in ("train", "validation", "test")])
    assert np.array_equal(read.transpose(0, 3, 1, 2).reshape(len(rows), -1), rows)


@ARCHIVES
def test_labels_are_the_fine_classes_in_order(tmp_path: Path, archive: CifarArchive) -> None:
    splits = archive.splits(str(write_binary(tmp_path, archive)))
    labels = np.concatenate([labels for _, labels in drawn(archive).values()])
    assert np.array_equal(np.concatenate([splits[s]["labels"] for s in ("train", "validation", "test")]), labels)


def test_validation_is_the_end_of_the_training_files(tmp_path: Path) -> None:
    splits = SMALL10.splits(str(write_binary(tmp_path, SMALL10)))
    assert {split: len(arrays["images"]) for split, arrays in splits.items()} == {
        "train": 70,
        "validation": 30,
        "test": 10,
    }


@pytest.mark.parametrize(("index", "write"), [(0, write_binary), (1, write_python)], ids=["binary", "python"])
def test_folder_above_the_unpacked_one_will_do(tmp_path: Path, index: int, write: Callable[..., Path]) -> None:
    write(tmp_path / SMALL10.folders[index], SMALL10)
    assert len(SMALL10.files(str(tmp_path))) == 6


def test_row_is_told_the_tier(tmp_path: Path) -> None:
    built = build_archive(SMALL100, CifarConfig(folder=str(write_binary(tmp_path, SMALL100))))
    assert built.tier == Tier.OFFLINE


def test_without_a_folder_it_says_what_to_give() -> None:
    with pytest.raises(MissingDataError, match=r"cifar-10-batches-bin or cifar-10-batches-py.*option folder"):
        fingerprint_cifar10(CifarConfig())


@pytest.mark.parametrize("folder", ["", "nowhere"], ids=["empty", "absent"])
def test_folder_without_the_files_is_missing_data(tmp_path: Path, folder: str) -> None:
    with pytest.raises(MissingDataError, match="CIFAR-100 is read from"):
        SMALL100.files(str(tmp_path / folder))


def test_missing_batch_is_named(tmp_path: Path) -> None:
    (write_python(tmp_path, SMALL10) / "data_batch_3").unlink()
    with pytest.raises(DataError, match="data_batch_3 does not exist"):
        SMALL10.splits(str(tmp_path))


def one_byte_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def one_record_more(path: Path) -> None:
    path.write_bytes(path.read_bytes() + path.read_bytes()[:3073])


def label_ten(path: Path) -> None:
    path.write_bytes(b"\x0a" + path.read_bytes()[1:])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(one_byte_short, "61459 bytes; 20 images of 3073 bytes make 61460", id="truncated"),
        pytest.param(one_record_more, "64533 bytes", id="one-record-more"),
        pytest.param(label_ten, r"label 10; the classes are 0\.\.9", id="label"),
    ],
)
def test_damaged_binary_file_is_named(tmp_path: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(write_binary(tmp_path, SMALL10) / "data_batch_4.bin")
    with pytest.raises(DataError, match=rf"data_batch_4\.bin: {said}"):
        SMALL10.splits(str(tmp_path))


def test_class_without_a_training_image_is_named(tmp_path: Path) -> None:
    folder = write_binary(tmp_path, replace(SMALL100, train={"train": 99}))
    archive = replace(SMALL100, train={"train": 99}, num_validation=1)
    with pytest.raises(DataError, match="class 98 has no image among the 98"):
        archive.splits(str(folder))


ROWS = np.zeros((2, 3072), dtype=np.uint8)


class Touches:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self._path,)


def test_stand_in_for_published_pickles_is_a_pickle() -> None:
    loaded = pickle.loads(python2_pickle(ROWS, [0, 1], b"labels"), encoding="bytes")
    assert np.array_equal(loaded[b"data"], ROWS)
    assert loaded[b"labels"] == [0, 1]


def test_pickle_of_todays_numpy_is_read(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 256, (2, 3072), dtype=np.uint8)
    (tmp_path / "batch").write_bytes(pickle.dumps({b"data": rows, b"labels": [3, 4]}, protocol=4))
    read, labels = read_pickled_batch(tmp_path / "batch", b"labels", 3072)
    assert np.array_equal(read, rows)
    assert labels.tolist() == [3, 4]


def test_pickle_with_a_foreign_object_is_refused_and_not_run(tmp_path: Path) -> None:
    content = pickle.dumps({b"data": ROWS, b"labels": [0, 1], b"more": Touches(tmp_path / "touched")})
    (tmp_path / "batch").write_bytes(content)
    with pytest.raises(DataError, match=r"batch: the file cannot be read .*asks for pathlib.*only NumPy's arrays"):
        read_pickled_batch(tmp_path / "batch", b"labels", 3072)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "Ran out of input", id="empty"),
        pytest.param(b"<html>not found</html>", "cannot be read", id="no-pickle"),
        pytest.param(python2_pickle(ROWS, [0, 1], b"labels")[:-4000], "truncated", id="truncated"),
        pytest.param(pickle.dumps([ROWS]), "cannot be read", id="no-dict"),
        pytest.param(pickle.dumps({b"data": ROWS}), "b'labels'", id="no-labels"),
        pytest.param(pickle.dumps({b"data": b"", b"labels": []}), "cannot be read", id="no-array"),
        pytest.param(pickle.dumps({b"data": ROWS[:, 1:], b"labels": [0, 1]}), r"shape \(2, 3071\)", id="width"),
        pytest.param(
            pickle.dumps({b"data": ROWS.astype(np.float32), b"labels": [0, 1]}), "unsigned bytes", id="floats"
        ),
        pytest.param(pickle.dumps({b"data": ROWS.astype(object), b"labels": [0, 1]}), "unsigned bytes", id="objects"),
        pytest.param(pickle.dumps({b"data": ROWS, b"labels": [0, "1"]}), "no list of integers", id="label-text"),
        pytest.param(pickle.dumps({b"data": ROWS, b"labels": 1}), "no list of integers", id="label-alone"),
        pytest.param(b"\x80\x02cnumpy\nndarray\nK\x02\x85R.", "calls numpy's ndarray", id="array-made-directly"),
    ],
)
def test_damaged_pickle_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "batch"
    path.write_bytes(content)
    with pytest.raises(DataError, match=said) as caught:
        read_pickled_batch(path, b"labels", 3072)
    assert str(caught.value).startswith(f"{path}: ")


def test_pickle_of_another_count_is_named(tmp_path: Path) -> None:
    (write_python(tmp_path, SMALL10) / "test_batch").write_bytes(python2_pickle(ROWS, [0, 1], b"labels"))
    with pytest.raises(DataError, match="test_batch: 2 images; the published file has 10"):
        SMALL10.splits(str(tmp_path))


def test_pickle_with_fewer_labels_is_named(tmp_path: Path) -> None:
    rows = np.zeros((10, 3072), dtype=np.uint8)
    (write_python(tmp_path, SMALL10) / "test_batch").write_bytes(python2_pickle(rows, [0, 1], b"labels"))
    with pytest.raises(DataError, match="test_batch: 2 labels for 10 images"):
        SMALL10.splits(str(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "archive"), [("cifar10", CIFAR10), ("cifar100", CIFAR100)])
def test_archive_of_the_published_size_reads_back(
    tmp_path: Path, registry: Registry, name: str, archive: CifarArchive
) -> None:
    request = DatasetRequest(name=name, options={"folder": str(write_binary(tmp_path / "files", archive))})
    first, second = (load_dataset(request, registry, tmp_path / cache) for cache in ("one", "two"))
    assert first.digest == second.digest
    assert {split: arrays["images"].shape for split, arrays in first.splits.items()} == {
        "train": (49_000, 32, 32, 3),
        "validation": (1_000, 32, 32, 3),
        "test": (10_000, 32, 32, 3),
    }
