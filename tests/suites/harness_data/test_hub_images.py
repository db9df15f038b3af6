"""Images of the hub, by a stand-in for the package `datasets`: splits, labels, and what is said of misfits."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from harness.errors import DataError, MissingDataError
from harness.interfaces import DatasetRequest
from harness.registry import Registry
from harness.runtime.datasets import load_dataset
from harness.runtime.seeding import SeedStreams
from harness.specs import Tier
from harness_data.hub_images import HubImagesConfig, build

STREAMS = SeedStreams(0, "tests")
OPTIONS = {"name": "someone/images", "num_classes": 4, "image_size": 6}
Rows = list[dict[str, Any]]


def row(number: int) -> dict[str, Any]:
    return {"image": Image.new("RGB", (6, 6), (number, number, number)), "label": number % 4, "id": "x"}


def stored() -> dict[str, Rows]:
    return {"train": [row(number) for number in range(40)], "test": [row(number) for number in range(100, 112)]}


def config(**options: Any) -> HubImagesConfig:
    return HubImagesConfig(**(OPTIONS | options))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Rows]:
    """What the stand-in gives for the one name that it has; tests change it."""
    splits = stored()
    loaders = {"someone/images": lambda: splits}
    stand_in = SimpleNamespace(load_dataset=lambda name: loaders[name]())
    monkeypatch.setitem(sys.modules, "datasets", stand_in)
    return splits


@pytest.mark.usefixtures("hub")
def test_every_row_is_in_one_split() -> None:
    splits = build(config(validation_share=0.1), STREAMS).splits
    numbers = {split: set(arrays["images"][:, 0, 0, 0].tolist()) for split, arrays in splits.items()}
    assert {split: len(part) for split, part in numbers.items()} == {"train": 36, "validation": 4, "test": 12}
    assert numbers["train"] | numbers["validation"] == set(range(40))
    assert numbers["test"] == set(range(100, 112))


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_labels_belong_to_the_images(split: str) -> None:
    arrays = build(config(validation_share=0.1), STREAMS).splits[split]
    assert np.array_equal(arrays["labels"], arrays["images"][:, 0, 0, 0] % 4)


@pytest.mark.usefixtures("hub")
def test_row_is_told_tier_and_name() -> None:
    built = build(config(), STREAMS)
    assert built.tier == Tier.ONLINE
    assert "hub someone/images, images 6x6x3, as they are; train is its split train" in built.provenance


@pytest.mark.usefixtures("hub")
def test_grey_images_have_no_last_axis() -> None:
    assert build(config(channels=1), STREAMS).splits["test"]["images"].shape == (12, 6, 6)


def test_columns_and_splits_go_by_the_names_given(hub: dict[str, Rows]) -> None:
    hub["learn"] = [{"picture": row["image"], "fine": row["label"]} for row in hub.pop("train")]
    hub["judge"] = [{"picture": row["image"], "fine": row["label"]} for row in hub.pop("test")]
    named = config(image_column="picture", label_column="fine", train_split="learn", test_split="judge")
    assert len(build(named, STREAMS).splits["test"]["labels"]) == 12


def test_other_sizes_are_scaled_when_asked(hub: dict[str, Rows]) -> None:
    hub["test"][3]["image"] = Image.new("RGB", (12, 30))
    assert build(config(resize="shorter_side"), STREAMS).splits["test"]["images"].shape == (12, 6, 6, 3)


@pytest.mark.parametrize("name", ["/data/images", "./images", "../images", "a/b/c", "images/"])
def test_path_is_no_name_of_the_hub(name: str) -> None:
    with pytest.raises(ValidationError, match="name"):
        config(name=name)


@pytest.mark.usefixtures("hub")
def test_folder_of_the_same_name_is_not_taken_for_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "someone" / "images").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="someone/images is also a file or folder"):
        build(config(), STREAMS)


@pytest.mark.usefixtures("hub")
def test_without_a_name_it_says_what_to_give() -> None:
    with pytest.raises(MissingDataError, match="give it with the option name"):
        build(config(name=""), STREAMS)


def test_one_split_for_both_is_refused() -> None:
    with pytest.raises(ValidationError, match="both 'train'"):
        config(test_split="train")


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        pytest.param("image", Image.new("RGB", (6, 7)), "6x7 pixels", id="size"),
        pytest.param("image", Image.new("I;16", (6, 6)), "mode I;16", id="sixteen-bits"),
        pytest.param("image", {"bytes": b""}, "'image' holds dict; an image is needed", id="no-image"),
        pytest.param("label", "cat", "'label' holds str; an integer is needed", id="label-text"),
        pytest.param("label", None, "'label' holds NoneType", id="label-none"),
    ],
)
def test_row_that_does_not_fit_is_named(hub: dict[str, Rows], column: str, value: object, said: str) -> None:
    hub["test"][3][column] = value
    with pytest.raises(DataError, match=f"someone/images, split test, row 3: .*{said}"):
        build(config(), STREAMS)


@pytest.mark.parametrize("label", [-1, 4, 2**40], ids=["unlabelled", "one-too-many", "huge"])
def test_label_out_of_range_is_refused(hub: dict[str, Rows], label: int) -> None:
    hub["test"][3]["label"] = label
    with pytest.raises(DataError, match=rf"split test: label {label}; the classes are 0\.\.3"):
        build(config(), STREAMS)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"image_column": "img"}, "no column 'img'; the columns are id, image, label", id="image-column"),
        pytest.param({"label_column": "fine"}, "no column 'fine'; the columns are", id="label-column"),
        pytest.param({"test_split": "validation"}, "no split 'validation'; it has test, train", id="split"),
        pytest.param({"num_classes": 5}, "split train: class 4 has no image", id="class-missing"),
        pytest.param({"validation_share": 0.99}, "40 images, of which 40 would be held out", id="nothing-left"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_options_that_the_dataset_does_not_have_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        build(config(**options), STREAMS)


def test_empty_split_is_refused(hub: dict[str, Rows]) -> None:
    hub["test"].clear()
    with pytest.raises(DataError, match="split test: no image"):
        build(config(), STREAMS)


def test_image_that_cannot_be_decoded_is_named(hub: dict[str, Rows]) -> None:
    class Damaged(list[dict[str, Any]]):
        def __iter__(self):
            yield self[0]
            raise OSError("image file is truncated")

    hub["test"] = Damaged(hub["test"])
    with pytest.raises(DataError, match=r"split test, row 1: the image cannot be read \(image file is truncated\)"):
        build(config(), STREAMS)


def test_without_its_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingDataError, match=r"pip install 'arch-harness\[hub\]'.*image_folder"):
        build(config(), STREAMS)


def test_hub_out_of_reach_is_missing_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def load_dataset(name: str) -> None:
        raise ConnectionError("no route")

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    with pytest.raises(MissingDataError, match=r"does not give someone/images \(no route\)"):
        build(config(), STREAMS)


@pytest.mark.usefixtures("hub")
def test_digest_is_stable(registry: Registry, tmp_path: Path) -> None:
    request = DatasetRequest(name="hub_images", options=OPTIONS)
    digests = {load_dataset(request, registry, tmp_path / cache).digest for cache in ("one", "two")}
    assert len(digests) == 1
