"""Clips of a folder: windows, splits that share no file, limits, and what is said of folders that do not fit."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.errors import DataError, MissingDataError
from harness.interfaces import BuiltDataset, DatasetRequest
from harness.registry import Registry
from harness.runtime.datasets import load_dataset
from harness.runtime.seeding import SeedStreams
from harness.specs import Tier
from harness_data.local_clips import LocalClipsConfig, build, fingerprint, spread

STREAMS = SeedStreams(0, "tests")
OPTIONS = {"frames": 4, "size": 8}


def save(path: Path, number: int, frames: int = 9) -> None:
    """Frames whose brightness is ten times the file's number plus their own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    brightness = (10 * number + np.arange(frames)).astype(np.uint8)
    np.save(path, np.broadcast_to(brightness[:, None, None], (frames, 10, 12)))


def make_folder(root: Path, count: int = 20) -> Path:
    for number in range(count):
        save(root / f"clip{number}.npy", number)
    return root


def lay_out(root: Path, **counts: int) -> Path:
    number = 0
    for split, count in counts.items():
        for _ in range(count):
            save(root / split / f"{split}{number}.npy", number)
            number += 1
    return root


def config(folder: Path, **options: Any) -> LocalClipsConfig:
    return LocalClipsConfig(folder=str(folder), **(OPTIONS | options))


def built(folder: Path, **options: Any) -> BuiltDataset:
    return build(config(folder, **options), STREAMS)


def brightness(dataset: BuiltDataset, split: str) -> np.ndarray:
    """Of each frame [N, T]."""
    return dataset.splits[split]["videos"].reshape(len(dataset.splits[split]["videos"]), -1, 64)[:, :, 0]


def numbers(dataset: BuiltDataset, split: str) -> set[int]:
    return set((brightness(dataset, split)[:, 0] // 10).tolist())


def test_files_are_split_by_hash_into_seventy_ten_and_twenty_parts(tmp_path: Path) -> None:
    dataset = built(make_folder(tmp_path))
    found = {split: numbers(dataset, split) for split in ("train", "validation", "test")}
    assert {split: len(part) for split, part in found.items()} == {"train": 14, "validation": 2, "test": 4}
    assert set.union(*found.values()) == set(range(20))


def test_an_added_file_moves_at_most_one_other_out_of_test(tmp_path: Path) -> None:
    before = numbers(built(make_folder(tmp_path)), "test")
    save(tmp_path / "another.npy", 25)
    assert len(before - numbers(built(tmp_path), "test")) <= 1


def test_folders_say_what_is_test(tmp_path: Path) -> None:
    dataset = built(lay_out(tmp_path, train=10, test=3))
    assert numbers(dataset, "test") == {10, 11, 12}
    assert numbers(dataset, "train") | numbers(dataset, "validation") == set(range(10))
    assert len(numbers(dataset, "validation")) == 1


def test_folders_say_what_is_validation(tmp_path: Path) -> None:
    dataset = built(lay_out(tmp_path, train=2, val=2, test=2))
    assert [numbers(dataset, split) for split in ("train", "validation", "test")] == [{0, 1}, {2, 3}, {4, 5}]


def test_clips_follow_each_other_in_a_file(tmp_path: Path) -> None:
    found = brightness(built(lay_out(tmp_path, train=2, test=1)), "test")
    assert sorted((found - 20).tolist()) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_clips_of_a_file_are_scattered(tmp_path: Path) -> None:
    lay_out(tmp_path, train=8, val=1, test=1)
    first = brightness(built(tmp_path), "train")[:8, 0] // 10
    assert len(set(first.tolist())) > 4


def test_stride_leaves_frames_out(tmp_path: Path) -> None:
    found = brightness(built(lay_out(tmp_path, train=2, test=1), stride=2), "test")
    assert (found - 20).tolist() == [[0, 2, 4, 6]]


@pytest.mark.parametrize(("channels", "shape"), [(1, (4, 8, 8)), (3, (4, 8, 8, 3))])
def test_clips_have_the_asked_shape(tmp_path: Path, channels: int, shape: tuple[int, ...]) -> None:
    train = built(make_folder(tmp_path), channels=channels).splits["train"]
    assert train["videos"].shape == (28, *shape)
    assert train["videos"].dtype == np.uint8


def test_labels_are_zero(tmp_path: Path) -> None:
    labels = built(make_folder(tmp_path)).splits["train"]["labels"]
    assert labels.dtype == np.uint8
    assert labels.tolist() == [0] * 28


def test_limits_take_about_as_many_clips_of_every_file(tmp_path: Path) -> None:
    lay_out(tmp_path, train=1, val=1, test=1)
    save(tmp_path / "train" / "long.npy", 5, frames=80)
    dataset = built(tmp_path, num_train=4)
    assert len(brightness(dataset, "train")) == 4
    assert sum(brightness(dataset, "train")[:, 0] < 10) == 2


def test_fewer_clips_than_files_leave_files_unread(tmp_path: Path) -> None:
    lay_out(tmp_path, train=6, val=1, test=1)
    assert len(numbers(built(tmp_path, num_train=3), "train")) == 3


@pytest.mark.parametrize(
    ("count", "limit", "expected"),
    [(3, 5, [0, 1, 2]), (6, 3, [0, 2, 4]), (7, 3, [0, 2, 4]), (5, 1, [0]), (4, 4, [0, 1, 2, 3])],
)
def test_spread_indices_are_even(count: int, limit: int, expected: list[int]) -> None:
    assert spread(count, limit) == expected


def test_kinds_of_files_are_mixed(tmp_path: Path) -> None:
    lay_out(tmp_path, train=1, val=1)
    (tmp_path / "test" / "run").mkdir(parents=True)
    pictures = [Image.new("L", (8, 8), 7 * index) for index in range(4)]
    pictures[0].save(tmp_path / "test" / "film.gif", save_all=True, append_images=pictures[1:])
    for index, picture in enumerate(pictures):
        picture.save(tmp_path / "test" / "run" / f"{index}.png")
    assert brightness(built(tmp_path), "test").tolist() == [[0, 7, 14, 21]] * 2


def test_row_is_told_tier_split_and_last_name_of_the_folder(tmp_path: Path) -> None:
    dataset = built(make_folder(tmp_path))
    assert dataset.tier == Tier.OFFLINE
    assert (
        f"clips of folder {tmp_path.name}, files 14 train, 2 validation, 4 test (by hash of the names), every 1. frame"
        in dataset.provenance
    )
    assert str(tmp_path) not in dataset.provenance


def test_without_a_folder_it_says_what_to_give() -> None:
    with pytest.raises(MissingDataError, match=r"numbered frames is read; give it with the option folder"):
        fingerprint(LocalClipsConfig())


def short_file(root: Path) -> None:
    save(root / "short.npy", 1, frames=3)


def two_files(root: Path) -> None:
    for index in range(2, 20):
        (root / f"clip{index}.npy").unlink()


def only_train(root: Path) -> None:
    (root / "train").mkdir()


def train_of_one(root: Path) -> None:
    lay_out(root, train=1, test=1)


def mixed_sizes(root: Path) -> None:
    (root / "run").mkdir()
    for index in range(5):
        Image.new("L", (8, 8 + index // 4)).save(root / "run" / f"{index}.png")


def mixed_types(root: Path) -> None:
    np.save(root / "clip3.npy", np.zeros((9, 10, 12), np.float64))


def small_frames(root: Path) -> None:
    np.save(root / "clip3.npy", np.zeros((9, 7, 12), np.uint8))


def link_into_test(root: Path) -> None:
    lay_out(root, train=3, test=1)
    (root / "test" / "linked.npy").symlink_to(root / "train" / "train0.npy")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(short_file, r"short\.npy: 3 frames; a clip takes 4 \(frames=4, stride=1\)", id="short"),
        pytest.param(two_files, r"too few files of clips \(2 in .*\); train, validation and test", id="two-files"),
        pytest.param(only_train, "holds train; train and test", id="only-train"),
        pytest.param(train_of_one, r"too few files of clips \(1 in train, 1 in test\)", id="no-validation"),
        pytest.param(mixed_sizes, r"run: frame 4 is \[9, 8, 3\] and those before are \[8, 8, 3\]", id="mixed-sizes"),
        pytest.param(mixed_types, r"clip3\.npy: values are float64", id="mixed-types"),
        pytest.param(small_frames, r"clip3\.npy: frames are 12x7 pixels .* at most 7", id="small"),
        pytest.param(link_into_test, r"linked\.npy .*links to one file", id="link"),
    ],
)
def test_folder_that_does_not_fit_is_named(tmp_path: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(make_folder(tmp_path))
    with pytest.raises(DataError, match=said):
        built(tmp_path)


def touched(folder: Path) -> None:
    os.utime(folder / "clip0.npy", ns=(1, 1))


def renamed(folder: Path) -> None:
    (folder / "clip0.npy").rename(folder / "clip99.npy")


@pytest.mark.parametrize("change", [touched, renamed])
def test_fingerprint_changes_with_a_file(tmp_path: Path, change: Callable[[Path], None]) -> None:
    before = fingerprint(config(make_folder(tmp_path)))
    change(tmp_path)
    assert fingerprint(config(tmp_path)) != before


def test_digest_is_that_of_the_content(registry: Registry, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "files")
    request = DatasetRequest(name="local_clips", options={"folder": str(folder), **OPTIONS})
    digests = {load_dataset(request, registry, tmp_path / cache).digest for cache in ("one", "two")}
    save(folder / "clip0.npy", 24)
    changed = load_dataset(request, registry, tmp_path / "one").digest
    assert len(digests) == 1
    assert changed not in digests
