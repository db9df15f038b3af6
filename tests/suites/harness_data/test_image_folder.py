"""Image folders: layouts, labels, splits that share nothing, and what is said of folders and images that do not fit."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from harness.errors import DataError, MissingDataError
from harness.interfaces import BuiltDataset, DatasetRequest
from harness.registry import Registry
from harness.runtime.datasets import load_dataset
from harness.runtime.seeding import SeedStreams
from harness.specs import Tier
from harness_data import image_arrays
from harness_data.class_folders import list_class_folders
from harness_data.image_folder import ImageFolderConfig, build, fingerprint

STREAMS = SeedStreams(0, "tests")
OPTIONS = {"num_classes": 3, "image_size": 8}
CLASSES = ("ape", "cat", "dog")
SUFFIXES = ("png", "JPEG", "bmp", "webp")
COUNTS = {"train": 20, "test": 4}


def save(path: Path, number: int, size: tuple[int, int] = (8, 8)) -> None:
    """An image of one colour, which tells its number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (number // 256 * 16, number % 256, number % 256)).save(path, lossless=True, quality=100)


def make_folder(root: Path, counts: Mapping[str, int]) -> Path:
    """So many images of each class in each split; every image has a number of its own, larger in later classes."""
    number = 0
    for label, name in enumerate(CLASSES):
        for split, count in counts.items():
            for index in range(count):
                save(root / split / name / f"{split}{index}.{SUFFIXES[index % 4]}", 10 + 80 * label + number % 80)
                number += 1
    return root


def config(folder: Path, **options: Any) -> ImageFolderConfig:
    return ImageFolderConfig(folder=str(folder), **(OPTIONS | options))


def built(folder: Path, **options: Any) -> BuiltDataset:
    return build(config(folder, **options), STREAMS)


def lengths(dataset: BuiltDataset) -> dict[str, int]:
    return {split: len(arrays["labels"]) for split, arrays in dataset.splits.items()}


def numbers(dataset: BuiltDataset, split: str) -> np.ndarray:
    return dataset.splits[split]["images"][:, 0, 0, 1]


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        pytest.param({"train": 20, "test": 4}, {"train": 54, "validation": 6, "test": 12}, id="test"),
        pytest.param({"train": 20, "val": 4}, {"train": 54, "validation": 6, "test": 12}, id="val"),
        pytest.param({"train": 20, "val": 2, "test": 4}, {"train": 60, "validation": 6, "test": 12}, id="both"),
    ],
)
def test_folders_become_splits(tmp_path: Path, counts: dict[str, int], expected: dict[str, int]) -> None:
    assert lengths(built(make_folder(tmp_path, counts), validation_share=0.1)) == expected


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_labels_follow_the_order_of_the_class_names(tmp_path: Path, split: str) -> None:
    dataset = built(make_folder(tmp_path, COUNTS), validation_share=0.1)
    assert np.array_equal(dataset.splits[split]["labels"], (numbers(dataset, split).astype(int) - 6) // 80)


def test_every_image_is_in_exactly_one_split(tmp_path: Path) -> None:
    dataset = built(make_folder(tmp_path, COUNTS), validation_share=0.3)
    found = np.concatenate([numbers(dataset, split) for split in dataset.splits])
    expected = [10 + 80 * label + (24 * label + index) % 80 for label in range(3) for index in range(24)]
    assert np.abs(np.sort(found).astype(int) - np.sort(expected)).max() <= 1


def test_added_image_moves_no_other_from_validation_to_train_but_one(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, COUNTS)
    before = numbers(built(folder, validation_share=0.1), "validation").tolist()
    save(folder / "train" / "cat" / "another.png", 0)
    after = numbers(built(folder, validation_share=0.1), "validation").tolist()
    assert len(set(before) - set(after)) <= 1


def test_image_is_stored_as_it_is(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, COUNTS)
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "test" / "ape" / "0.png")
    assert np.array_equal(built(folder).splits["test"]["images"][0], pixels)


def test_grey_images_have_no_last_axis(tmp_path: Path) -> None:
    dataset = built(make_folder(tmp_path, COUNTS), channels=1)
    assert dataset.splits["test"]["images"].shape == (12, 8, 8)


def test_images_too_many_for_memory_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_folder(tmp_path, COUNTS)
    in_memory = built(folder)
    monkeypatch.setattr(
        "harness_data.image_folder.allocate_images", partial(image_arrays.allocate_images, memory_bytes=0)
    )
    mapped = built(folder)
    assert isinstance(mapped.splits["train"]["images"], np.memmap)
    np.testing.assert_equal(dict(mapped.splits), dict(in_memory.splits))


def test_hidden_and_other_files_are_left_out_and_counted(tmp_path: Path) -> None:
    folder = make_folder(tmp_path, COUNTS)
    (folder / "train" / "ape" / ".hidden.png").write_bytes(b"")
    (folder / "train" / "ape" / "boxes.txt").write_bytes(b"")
    (folder / "train" / ".hidden").mkdir()
    dataset = built(folder)
    assert sum(lengths(dataset).values()) == 72
    assert "1 other files left out" in dataset.provenance


def test_row_is_told_tier_and_last_name_of_the_folder(tmp_path: Path) -> None:
    dataset = built(make_folder(tmp_path, COUNTS))
    assert dataset.tier == Tier.OFFLINE
    assert (
        f"image folder {tmp_path.name}, 72 images 8x8x3, as they are; validation is 0.02 of train" in dataset.provenance
    )
    assert str(tmp_path) not in dataset.provenance


def test_without_a_folder_it_says_what_to_give() -> None:
    with pytest.raises(MissingDataError, match=r"train/<class>/<image>.*option folder"):
        fingerprint(ImageFolderConfig(**OPTIONS))


@pytest.mark.parametrize("missing", ["num_classes", "image_size"])
def test_classes_and_size_must_be_given(missing: str) -> None:
    with pytest.raises(ValidationError, match=missing):
        ImageFolderConfig(**{name: value for name, value in OPTIONS.items() if name != missing})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"num_classes": 4}, "train holds 3 class folders; num_classes is 4", id="more-classes"),
        pytest.param({"num_classes": 2}, "train holds 3 class folders; num_classes is 2", id="fewer-classes"),
        pytest.param({"image_size": 9}, r"0\.\w+: 8x8 pixels .* must have 9x9", id="size"),
        pytest.param({"validation_share": 0.99}, r"class \d \(\w+\) has no image", id="nothing-left-of-a-class"),
    ],
)
def test_options_that_the_folder_does_not_have_are_refused(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        built(make_folder(tmp_path, COUNTS), **options)


def one_of_another_size(root: Path) -> None:
    save(root / "test" / "cat" / "z.png", 1, (8, 9))
    save(root / "test" / "dog" / "a.png", 1, (9, 9))


def jpeg_cut_short(root: Path) -> None:
    path = root / "train" / "cat" / "train1.JPEG"
    path.write_bytes(path.read_bytes()[:-30])


def text_named_png(root: Path) -> None:
    (root / "test" / "ape" / "zebra.png").write_text("no image")


def empty_class(root: Path) -> None:
    for path in (root / "test" / "dog").iterdir():
        path.unlink()


def class_only_in_test(root: Path) -> None:
    save(root / "test" / "emu" / "a.png", 1)


def class_only_in_train(root: Path) -> None:
    (root / "test" / "dog").rename(root / "dogs-moved-away")


def no_class_folder(root: Path) -> None:
    (root / "test").rename(root / "test-moved-away")
    (root / "test").mkdir()


def no_test_folder(root: Path) -> None:
    (root / "test").rename(root / "holdout")


def no_train_folder(root: Path) -> None:
    (root / "train").rename(root / "training")


def link_into_test(root: Path) -> None:
    (root / "test" / "cat" / "linked.png").symlink_to(root / "train" / "cat" / "train0.png")


def hard_link_into_test(root: Path) -> None:
    os.link(root / "train" / "cat" / "train0.png", root / "test" / "cat" / "linked.png")


def broken_link(root: Path) -> None:
    (root / "test" / "cat" / "gone.png").symlink_to(root / "nowhere.png")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(one_of_another_size, r"cat/z\.png: 8x9 pixels .* give resize=shorter_side", id="mixed-sizes"),
        pytest.param(jpeg_cut_short, r"cat/train1\.JPEG: the image cannot be read", id="jpeg-cut-short"),
        pytest.param(text_named_png, r"ape/zebra\.png: the image cannot be read", id="no-image"),
        pytest.param(empty_class, "test/dog holds no image", id="empty-class"),
        pytest.param(class_only_in_test, "train lacks the class 'emu', which .*test has", id="class-only-in-test"),
        pytest.param(class_only_in_train, "test lacks the class 'dog', which .*train has", id="class-only-in-train"),
        pytest.param(no_class_folder, "test holds no folder", id="no-class-folder"),
        pytest.param(no_test_folder, "holds train; a folder with train/<class>", id="no-test"),
        pytest.param(no_train_folder, "holds test; a folder with train/<class>", id="no-train"),
        pytest.param(link_into_test, r"cat/linked\.png .*links to one file", id="link"),
        pytest.param(hard_link_into_test, r"cat/linked\.png .*links to one file", id="hard-link"),
        pytest.param(broken_link, r"cat/gone\.png cannot be read", id="broken-link"),
    ],
)
def test_folder_that_does_not_fit_is_named(tmp_path: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(make_folder(tmp_path, COUNTS))
    with pytest.raises(DataError, match=said):
        built(tmp_path)


def test_mixed_sizes_are_scaled_when_asked(tmp_path: Path) -> None:
    one_of_another_size(make_folder(tmp_path, COUNTS))
    assert built(tmp_path, resize="shorter_side").splits["test"]["images"].shape == (14, 8, 8, 3)


def test_listing_names_where_images_lie(tmp_path: Path) -> None:
    folders = list_class_folders(make_folder(tmp_path, COUNTS) / "test")
    assert folders.classes == CLASSES
    assert all(folders.path(file).is_file() for file in folders.files)


def touched(folder: Path) -> None:
    os.utime(folder / "test" / "dog" / "test0.png", ns=(1, 1))


def renamed(folder: Path) -> None:
    (folder / "test" / "dog" / "test0.png").rename(folder / "test" / "dog" / "test9.png")


def other_size(folder: Path) -> None:
    path = folder / "test" / "dog" / "test0.png"
    status = path.stat()
    path.write_bytes(path.read_bytes() + b"\0")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("change", [touched, renamed, other_size])
def test_fingerprint_changes_with_an_image(tmp_path: Path, change: Callable[[Path], None]) -> None:
    folder = make_folder(tmp_path, COUNTS)
    before = fingerprint(config(folder))
    change(folder)
    assert fingerprint(config(folder)) != before


def test_digest_is_that_of_the_content(registry: Registry, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "files", COUNTS)
    request = DatasetRequest(name="image_folder", options={"folder": str(folder), **OPTIONS})
    digests = {load_dataset(request, registry, tmp_path / cache).digest for cache in ("one", "two")}
    save(folder / "test" / "dog" / "test0.png", 1)
    changed = load_dataset(request, registry, tmp_path / "one").digest
    assert len(digests) == 1
    assert changed not in digests
