"""The checks that every image dataset passes: each is held to splits that break one rule."""

from __future__ import annotations

import numpy as np
import pytest

from harness.errors import DataError
from harness_data.hash_order import hold_out
from harness_data.image_checks import check_classes, check_labels, check_splits

IMAGES = np.zeros((3, 2, 2), dtype=np.uint8)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        pytest.param([0, 1], "a.bin: 2 labels for 3 images; the counts must agree", id="fewer-labels"),
        pytest.param([0, 1, 0, 1], "a.bin: 4 labels for 3 images", id="more-labels"),
        pytest.param([0, 2, 1], r"a.bin: label 2; the classes are 0\.\.1", id="too-large"),
        pytest.param([0, -1, 1], r"a.bin: label -1; the classes are 0\.\.1", id="negative"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: list[int], said: str) -> None:
    with pytest.raises(DataError, match=said):
        check_labels(IMAGES, np.array(labels), 2, "a.bin")


def test_no_image_is_refused() -> None:
    with pytest.raises(DataError, match=r"a.bin: no image"):
        check_labels(IMAGES[:0], np.array([], dtype=np.uint8), 2, "a.bin")


def test_class_without_a_training_image_is_named() -> None:
    with pytest.raises(DataError, match=r"train: class 1 \(cat\) has no image among the 3"):
        check_classes(np.array([0, 2, 0]), 3, "train", ["ape", "cat", "dog"])


def test_last_class_without_a_training_image_is_named() -> None:
    with pytest.raises(DataError, match="train: class 2 has no image"):
        check_classes(np.array([0, 1, 0]), 3, "train")


def test_every_split_is_checked() -> None:
    train = {"images": IMAGES, "labels": np.array([0, 1, 0])}
    test = {"images": IMAGES, "labels": np.array([0, 1, 2])}
    with pytest.raises(DataError, match="held out files: label 2"):
        check_splits({"train": train, "test": test}, 2, {"train": "files", "test": "held out files"})


def test_only_the_training_split_needs_every_class() -> None:
    train = {"images": IMAGES, "labels": np.array([0, 1, 0])}
    test = {"images": IMAGES, "labels": np.array([0, 0, 0])}
    check_splits({"train": train, "test": test}, 2, {"train": "files", "test": "held out files"})


def test_held_out_and_rest_are_everything_once() -> None:
    held, rest = hold_out([f"image {index}" for index in range(1000)], 0.02)
    assert len(held) == 20
    assert sorted(held + rest) == list(range(1000))


def test_what_is_held_out_depends_on_names_alone() -> None:
    names = [f"image {index}" for index in range(100)]
    forwards, backwards = hold_out(names, 0.1)[0], hold_out(names[::-1], 0.1)[0]
    assert {names[index] for index in forwards} == {names[::-1][index] for index in backwards}


def test_small_share_holds_out_one() -> None:
    assert len(hold_out(["a", "b"], 0.01)[0]) == 1


@pytest.mark.parametrize("names", [[], ["a"], ["a", "b"]], ids=len)
def test_nothing_left_to_train_on_is_refused(names: list[str]) -> None:
    with pytest.raises(DataError, match=f"{len(names)} images, of which"):
        hold_out(names, 0.9)
