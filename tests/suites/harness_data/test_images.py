"""Image readers: the digits' fixed split, and what is said of IDX files that are missing or damaged."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from harness.errors import DataError
from harness_data.digits import read_digits
from harness_data.fashion_mnist import NUM_VALIDATION, FashionMnistConfig, fingerprint, read_fashion_mnist
from harness_data.idx import read_idx

TRAIN_IMAGES = "train-images-idx3-ubyte"


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small Fashion-MNIST: its training images are gzipped, the rest is not."""
    generator = np.random.default_rng(0)
    for stem, count in (("train", NUM_VALIDATION + 20), ("t10k", 10)):
        images = generator.integers(0, 256, (count, 28, 28))
        labels = np.arange(count) % 10
        (tmp_path / f"{stem}-labels-idx1-ubyte").write_bytes(idx(labels))
        (tmp_path / f"{stem}-images-idx3-ubyte").write_bytes(idx(images))
    plain = tmp_path / TRAIN_IMAGES
    (tmp_path / f"{TRAIN_IMAGES}.gz").write_bytes(gzip.compress(plain.read_bytes(), compresslevel=1))
    plain.unlink()
    return tmp_path


def test_digits_are_all_there_and_in_one_split_each() -> None:
    splits = read_digits()
    images = np.concatenate([arrays["images"].reshape(-1, 64) for arrays in splits.values()])
    ours, theirs = sorted(images.tolist()), sorted(load_digits().data.astype(int).tolist())
    assert ours == theirs


def test_digits_split_is_the_recorded_one() -> None:
    labels = read_digits()["test"]["labels"]
    assert hashlib.sha256(labels.tobytes()).hexdigest()[:16] == "b811283aa2e342dc"


def test_fashion_mnist_reads_gzipped_and_plain_files(folder: Path) -> None:
    splits = read_fashion_mnist(folder)
    shapes = {split: arrays["images"].shape for split, arrays in splits.items()}
    assert shapes == {"train": (20, 28, 28), "validation": (NUM_VALIDATION, 28, 28), "test": (10, 28, 28)}


def test_fashion_mnist_validation_is_the_end_of_the_training_file(folder: Path) -> None:
    splits = read_fashion_mnist(folder)
    stored = read_idx(folder / f"{TRAIN_IMAGES}.gz", 3)
    assert np.array_equal(splits["validation"]["images"], stored[-NUM_VALIDATION:])


def test_missing_file_names_the_debian_package(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="apt-get install dataset-fashion-mnist"):
        read_fashion_mnist(tmp_path)


def test_fingerprint_changes_with_a_file(folder: Path) -> None:
    config = FashionMnistConfig(folder=str(folder))
    before = fingerprint(config)
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.zeros(11)))
    assert fingerprint(config) != before


def gzip_cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def gzip_with_flipped_bytes(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[5000:5100] = bytes(byte ^ 0xFF for byte in content[5000:5100])
    path.write_bytes(content)


def other_content(path: Path) -> None:
    path.write_bytes(gzip.compress(b"<html>not found</html>"))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def header_cut_short(path: Path) -> None:
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:9]))


def one_pixel_missing(path: Path) -> None:
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-1], compresslevel=1))


def one_image_fewer_than_labels(path: Path) -> None:
    path.write_bytes(gzip.compress(idx(read_idx(path, 3)[:-1]), compresslevel=1))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(gzip_cut_short, "cannot be read", id="gzip-cut-short"),
        pytest.param(gzip_with_flipped_bytes, "cannot be read", id="gzip-damaged"),
        pytest.param(other_content, "starts with 3c68746d", id="magic"),
        pytest.param(empty, "starts with nothing", id="empty"),
        pytest.param(header_cut_short, "header ends after 9 of 16", id="header"),
        pytest.param(one_pixel_missing, "follow the header", id="truncated"),
    ],
)
def test_damaged_file_is_named_with_the_reason(folder: Path, damage: Callable[[Path], None], said: str) -> None:
    path = folder / f"{TRAIN_IMAGES}.gz"
    damage(path)
    with pytest.raises(DataError, match=said) as caught:
        read_fashion_mnist(folder)
    assert str(path) in str(caught.value)


def test_counts_of_images_and_labels_must_agree(folder: Path) -> None:
    one_image_fewer_than_labels(folder / f"{TRAIN_IMAGES}.gz")
    with pytest.raises(DataError, match="5020 labels for 5019 images"):
        read_fashion_mnist(folder)


def test_unknown_class_is_refused(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte").write_bytes(idx(np.full(10, 10)))
    with pytest.raises(DataError, match="label 10"):
        read_fashion_mnist(folder)
