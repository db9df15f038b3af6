"""Any labelled images of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field, model_validator

from harness.errors import DataError, MissingDataError
from harness.interfaces import Array, BuiltDataset, Streams
from harness.specs import Tier
from harness_data.hash_order import hold_out
from harness_data.hub import HubSplit, load_from_hub
from harness_data.image_arrays import allocate_images, pack_labels
from harness_data.image_checks import check_labels, check_splits
from harness_data.options import Options
from harness_data.square_images import Resize, Square, decoding_errors, to_square

NAME = r"^(\w[\w.-]*(/\w[\w.-]*)?)?$"
"""What the hub calls datasets: no path, and empty where none is given."""


class HubImagesConfig(Options):
    """Which dataset, where its rows keep image and class, and what is made of each image."""

    name: str = Field("", description="the hub's name for it, such as ylecun/mnist", pattern=NAME)
    image_column: str = Field("image", description="column of the images")
    label_column: str = Field("label", description="column of the classes, 0..num_classes-1")
    num_classes: int = Field(description="classes of the dataset", gt=0)
    image_size: int = Field(description="side of the stored square, in pixels", gt=0)
    resize: Resize = Field("exact", description="refuse other sizes, or scale the shorter side and cut out the centre")
    channels: Literal[1, 3] = Field(3, description="3 colours, or 1 for grey")
    train_split: str = Field("train", description="the hub's split to train on")
    test_split: str = Field("test", description="the hub's split to test on")
    validation_share: float = Field(0.02, description="share of the training split held out as validation", gt=0, lt=1)

    @model_validator(mode="after")
    def _splits_differ(self) -> HubImagesConfig:
        if self.train_split == self.test_split:
            raise ValueError(
                f"train_split and test_split are both {self.test_split!r}; no image may be in two splits; name two"
            )
        return self

    @property
    def square(self) -> Square:
        """What every image becomes."""
        return Square(size=self.image_size, channels=self.channels, resize=self.resize)


def build(config: HubImagesConfig, streams: Streams) -> BuiltDataset:
    """`images` uint8 [N, image_size, image_size], with a last axis of 3 for colours, and `labels` [N]."""
    return BuiltDataset(
        splits=read_hub_images(config),
        tier=Tier.ONLINE,
        provenance=(
            f"hub {config.name}, images {config.square.describe()}; train is its split {config.train_split}, of which "
            f"{config.validation_share:g} by hash of the index is validation; test is its split {config.test_split}"
        ),
    )


def read_hub_images(config: HubImagesConfig) -> dict[str, dict[str, Array]]:
    """The splits; the validation images are those whose index's hash comes first."""
    if not config.name:
        raise MissingDataError(
            "no dataset is named; hub_images reads one of the hub, such as ylecun/mnist; give it with the option name"
        )
    loaded = load_from_hub(config.name, "use the dataset image_folder with a local folder")
    for wanted in (config.train_split, config.test_split):
        if wanted not in loaded:
            raise DataError(
                f"{config.name} has no split {wanted!r}; it has {', '.join(sorted(loaded))}; name two of them with "
                "train_split and test_split"
            )
    train, test = loaded[config.train_split], loaded[config.test_split]
    held, rest = hold_out([f"image {index}" for index in range(len(train))], config.validation_share)
    images = allocate_images({"train": len(rest), "validation": len(held), "test": len(test)}, config.square.shape)
    places = dict(zip(held, images["validation"], strict=True)) | dict(zip(rest, images["train"], strict=True))
    labels = _read(config, config.train_split, train, [places[index] for index in range(len(train))])
    splits = {
        "train": {"images": images["train"], "labels": labels[rest]},
        "validation": {"images": images["validation"], "labels": labels[held]},
        "test": {"images": images["test"], "labels": _read(config, config.test_split, test, list(images["test"]))},
    }
    sources = dict.fromkeys(("train", "validation"), f"{config.name}, split {config.train_split}")
    check_splits(splits, config.num_classes, sources | {"test": f"{config.name}, split {config.test_split}"})
    return splits


def _read(config: HubImagesConfig, split: str, rows: HubSplit, places: Sequence[Array]) -> Array:
    """Write each row's image into its place; return the labels."""
    source = f"{config.name}, split {split}"
    labels: list[int] = []
    try:
        for row, place in zip(rows, places, strict=True):
            where = f"{source}, row {len(labels)}"
            place[...] = to_square(_image(config, row, where), config.square, where)
            labels.append(_label(config, row, where))
    except decoding_errors() as error:
        raise DataError(
            f"{source}, row {len(labels)}: the image cannot be read ({error}); a whole one is needed; remove the copy "
            "in the cache of the package datasets"
        ) from error
    check_labels(places, np.array(labels, dtype=np.int64), config.num_classes, source)
    return pack_labels(labels, config.num_classes)


def _image(config: HubImagesConfig, row: Mapping[str, Any], where: str) -> Any:
    from PIL import Image

    image = _value(row, config.image_column, where, "image_column")
    if not isinstance(image, Image.Image):
        raise DataError(
            f"{where}: column {config.image_column!r} holds {type(image).__name__}; an image is needed; name another "
            "with image_column"
        )
    return image


def _label(config: HubImagesConfig, row: Mapping[str, Any], where: str) -> int:
    label = _value(row, config.label_column, where, "label_column")
    if type(label) is not int:
        raise DataError(
            f"{where}: column {config.label_column!r} holds {type(label).__name__}; an integer is needed; name another "
            "with label_column"
        )
    return label


def _value(row: Mapping[str, Any], column: str, where: str, option: str) -> Any:
    if column not in row:
        raise DataError(
            f"{where}: there is no column {column!r}; the columns are {', '.join(sorted(row))}; name one with {option}"
        )
    return row[column]
