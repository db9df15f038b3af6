"""Any images in folders by split and class, as ImageNet is laid out."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from harness.errors import DataError
from harness.interfaces import Array, BuiltDataset, Streams
from harness.specs import Tier
from harness_data.class_folders import (
    ClassFolders,
    ImageFile,
    check_disjoint,
    list_class_folders,
    stamp_class_folders,
)
from harness_data.files import given_folder
from harness_data.hash_order import hold_out
from harness_data.image_arrays import allocate_images, pack_labels
from harness_data.image_checks import check_splits
from harness_data.options import Options
from harness_data.square_images import Resize, Square, read_square

NEEDED = "a folder with train/<class>/<image> and test/<class>/<image> or val/<class>/<image> is read"
THREADS = 8
BLOCK = 512
"""Images that are handed to the threads at a time."""


class ImageFolderConfig(Options):
    """Where the images are and what is made of each."""

    folder: str = Field("", description="folder that holds train/<class>/ and test/<class>/, val/<class>/ or both")
    num_classes: int = Field(description="class folders; labels follow the order of their names", gt=0)
    image_size: int = Field(description="side of the stored square, in pixels", gt=0)
    resize: Resize = Field("exact", description="refuse other sizes, or scale the shorter side and cut out the centre")
    channels: Literal[1, 3] = Field(3, description="3 colours, or 1 for grey")
    validation_share: float = Field(
        0.02, description="share of train held out where there is no validation folder", gt=0, lt=1
    )

    @property
    def square(self) -> Square:
        """What every image becomes."""
        return Square(size=self.image_size, channels=self.channels, resize=self.resize)


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """The images of a split, in order, and the folders that they are from."""

    folders: ClassFolders
    files: Sequence[ImageFile]


def fingerprint(config: ImageFolderConfig) -> str:
    """Names, sizes and times of the images."""
    return stamp_class_folders(_list(config).values())


def build(config: ImageFolderConfig, streams: Streams) -> BuiltDataset:
    """`images` uint8 [N, image_size, image_size], with a last axis of 3 for colours, and `labels` [N]."""
    listed = _list(config)
    parts = split_parts(listed, config.validation_share)
    check_disjoint((split, part.folders.path(file), file) for split, part in parts.items() for file in part.files)
    images = allocate_images({split: len(part.files) for split, part in parts.items()}, config.square.shape)
    splits = {}
    for split, part in parts.items():
        fill(images[split], part, config.square)
        labels = pack_labels([file.label for file in part.files], config.num_classes)
        splits[split] = {"images": images[split], "labels": labels}
    sources = {split: part.folders.root for split, part in parts.items()}
    check_splits(splits, config.num_classes, sources, listed["train"].classes)
    return BuiltDataset(
        splits=splits,
        tier=Tier.OFFLINE,
        provenance=_provenance(config, listed),
    )


def split_parts(listed: dict[str, ClassFolders], validation_share: float) -> dict[str, Part]:
    """The splits of what the folders hold; without a validation folder a share of train is held out by hash."""
    whole = {split: Part(folders=folders, files=folders.files) for split, folders in listed.items()}
    if "validation" in whole:
        return whole
    folders = listed["train"]
    held, rest = hold_out([file.name for file in folders.files], validation_share)
    return {
        "train": Part(folders=folders, files=[folders.files[index] for index in rest]),
        "validation": Part(folders=folders, files=[folders.files[index] for index in held]),
        "test": whole["test"],
    }


def fill(images: Array, part: Part, square: Square) -> None:
    """Decode the split's files into the array. Raises DataError that names the first one that does not fit."""

    def read(index: int) -> None:
        images[index] = read_square(part.folders.path(part.files[index]), square)

    with ThreadPoolExecutor(max_workers=min(THREADS, os.cpu_count() or 1)) as pool:
        for start in range(0, len(images), BLOCK):
            for _ in pool.map(read, range(start, min(start + BLOCK, len(images)))):
                pass


def _list(config: ImageFolderConfig) -> dict[str, ClassFolders]:
    """The folders by split, with the same classes in each."""
    root = given_folder(config.folder, NEEDED)
    names = _split_folders(root)
    listed = {split: list_class_folders(root / name) for split, name in names.items()}
    train = listed["train"]
    if len(train.classes) != config.num_classes:
        raise DataError(
            f"{train.root} holds {len(train.classes)} class folders; num_classes is {config.num_classes}; give "
            f"num_classes={len(train.classes)} or the folder that is meant"
        )
    for folders in listed.values():
        _check_same_classes(train, folders)
    return listed


def _split_folders(root: Path) -> dict[str, str]:
    found = [name for name in ("train", "val", "test") if (root / name).is_dir()]
    if found == ["train", "val", "test"]:
        return {"train": "train", "validation": "val", "test": "test"}
    if "train" not in found or len(found) < 2:
        raise DataError(f"{root} holds {' and '.join(found) or 'neither train, val nor test'}; {NEEDED}; give that one")
    return {"train": "train", "test": found[1]}


def _check_same_classes(train: ClassFolders, other: ClassFolders) -> None:
    for having, lacking in ((train, other), (other, train)):
        if absent := sorted(set(having.classes) - set(lacking.classes)):
            raise DataError(
                f"{lacking.root} lacks the class {absent[0]!r}, which {having.root} has; both need the same class "
                "folders; add or remove one"
            )


def _provenance(config: ImageFolderConfig, listed: dict[str, ClassFolders]) -> str:
    """Of the folder only its last name, since rows are shared."""
    held_out = f"{config.validation_share:g} of train by hash of the names"
    validation = "folder val" if "validation" in listed else held_out
    others = sum(folders.others for folders in listed.values())
    return (
        f"image folder {Path(config.folder).name}, {sum(len(folders.files) for folders in listed.values())} images "
        f"{config.square.describe()}; validation is {validation}; test is folder {listed['test'].root.name}; "
        f"{others} other files left out"
    )
