"""Any folder of four IDX files: sizes that are not square, splits, and what is said of files that do not fit."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from harness.errors import DataError, MissingDataError
from harness.interfaces import BuiltDataset, DatasetRequest
from harness.registry import Registry
from harness.runtime.datasets import load_dataset
from harness.runtime.seeding import SeedStreams
from harness.specs import Tier
from harness_data.idx_images import IdxImagesConfig, build, fingerprint

STREAMS = SeedStreams(0, "tests")
OPTIONS = {"num_classes": 3, "height": 4, "width": 6, "num_validation": 5}


def write_idx(path: Path, array: np.ndarray) -> None:
    header = np.array([0x0800 + array.ndim, *array.shape], dtype=">u4").tobytes()
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_split(folder: Path, stem: str, labels: np.ndarray, suffix: str = "") -> np.ndarray:
    images = np.random.default_rng(len(labels)).integers(0, 256, (len(labels), 4, 6), dtype=np.uint8)
    write_idx(folder / f"{stem}-images-idx3-ubyte{suffix}", images)
    write_idx(folder / f"{stem}-labels-idx1-ubyte{suffix}", labels)
    return images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty training images and nine for testing, 4 rows by 6 columns, of three classes."""
    write_split(tmp_path, "train", np.arange(20) % 3)
    write_split(tmp_path, "t10k", np.arange(9) % 3, ".gz")
    return tmp_path


def built(folder: Path, **options: int) -> BuiltDataset:
    return build(IdxImagesConfig(folder=str(folder), **(OPTIONS | options)), STREAMS)


def test_splits_have_the_size_of_the_files(folder: Path) -> None:
    splits = built(folder).splits
    shapes = {split: arrays["images"].shape for split, arrays in splits.items()}
    assert shapes == {"train": (15, 4, 6), "validation": (5, 4, 6), "test": (9, 4, 6)}


def test_train_then_validation_is_the_training_file(tmp_path: Path) -> None:
    images = write_split(tmp_path, "train", np.arange(20) % 3)
    write_split(tmp_path, "t10k", np.arange(9) % 3)
    splits = built(tmp_path).splits
    assert np.array_equal(np.concatenate([splits["train"]["images"], splits["validation"]["images"]]), images)


def test_row_is_told_tier_and_last_name_of_the_folder(folder: Path) -> None:
    dataset = built(folder)
    assert dataset.tier == Tier.OFFLINE
    assert folder.name in dataset.provenance
    assert str(folder) not in dataset.provenance


def test_without_a_folder_it_says_what_to_give() -> None:
    with pytest.raises(MissingDataError, match="give it with the option folder"):
        fingerprint(IdxImagesConfig())


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="nowhere does not exist"):
        built(tmp_path / "nowhere")


def one_image_too_few(folder: Path) -> None:
    write_idx(folder / "t10k-images-idx3-ubyte.gz", np.zeros((8, 4, 6)))


def gzip_cut_short(folder: Path) -> None:
    path = folder / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-20])


def file_removed(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()


def class_only_at_the_end(folder: Path) -> None:
    write_split(folder, "train", np.array([0, 1] * 8 + [2] * 4))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(one_image_too_few, "t10k-labels.*: 9 labels for 8 images", id="counts"),
        pytest.param(gzip_cut_short, "t10k-images.*cannot be read", id="gzip-cut-short"),
        pytest.param(file_removed, "t10k-labels-idx1-ubyte.gz does not exist", id="missing"),
        pytest.param(class_only_at_the_end, "train-labels.*: class 2 has no image", id="class-held-out"),
    ],
)
def test_damaged_file_is_named(folder: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(folder)
    with pytest.raises(DataError, match=said):
        built(folder)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"num_classes": 2}, "train-labels.*: label 2", id="label-out-of-range"),
        pytest.param({"num_classes": 4}, "train-labels.*: class 3 has no image", id="class-missing"),
        pytest.param({"height": 6, "width": 4}, r"4x6 pixels \(height x width\); 6x4 are expected", id="size"),
        pytest.param({"num_validation": 20}, "20 images; more than 20 are needed", id="nothing-left"),
    ],
)
def test_options_that_the_files_do_not_have_are_refused(folder: Path, options: dict[str, int], said: str) -> None:
    with pytest.raises(DataError, match=said):
        built(folder, **options)


def test_digest_is_that_of_the_content(folder: Path, registry: Registry, tmp_path: Path) -> None:
    request = DatasetRequest(name="idx_images", options={"folder": str(folder), **OPTIONS})
    digests = {load_dataset(request, registry, tmp_path / cache).digest for cache in ("one", "two")}
    write_split(folder, "t10k", (np.arange(9) + 1) % 3, ".gz")
    changed = load_dataset(request, registry, tmp_path / "one").digest
    assert len(digests) == 1
    assert changed not in digests
