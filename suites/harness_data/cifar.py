"""CIFAR-10 and CIFAR-100 from the files of their published archives, the binary ones or the Python ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import Field

from harness.errors import DataError, MissingDataError
from harness.interfaces import Array, BuiltDataset, Streams
from harness.specs import Tier
from harness_data.cifar_pickles import read_pickled_batch
from harness_data.files import given_folder, read_bytes, stamp
from harness_data.image_arrays import pack_labels
from harness_data.image_checks import check_labels, check_splits
from harness_data.options import Options

SIDE = 32
PIXELS = 3 * SIDE * SIDE


@dataclass(frozen=True, kw_only=True, slots=True)
class CifarArchive:
    """One of the two sets as published.

    `train` and `test` map the names of the files, without the suffix of the binary ones, to the images in each. A
    binary record has `label_bytes` before its pixels, the last of which is the class; pickles keep it under
    `label_key`. `folders` are what the archives unpack to. The last `num_validation` training images are validation.
    """

    title: str
    num_classes: int
    train: dict[str, int]
    test: dict[str, int]
    label_bytes: int
    label_key: bytes
    folders: tuple[str, ...]
    num_validation: int = 1000

    def files(self, folder: str) -> dict[str, Path]:
        """The files by name: the binary ones where there are any, else the Python ones.

        Raises MissingDataError when the folder has none of them and DataError when it has some and lacks others.
        """
        needed = f"{self.title} is read from the folder that its archive unpacks to ({' or '.join(self.folders)})"
        root = given_folder(folder, needed)
        names = [*self.train, *self.test]
        for place in (root, *(root / name for name in self.folders)):
            for suffix in (".bin", ""):
                files = {name: place / f"{name}{suffix}" for name in names}
                absent = [path for path in files.values() if not path.is_file()]
                if not absent:
                    return files
                if len(absent) < len(files):
                    raise DataError(
                        f"{absent[0]} does not exist; {self.title} has {len(files)} files, {', '.join(names)}; unpack "
                        "the archive again"
                    )
        raise MissingDataError(f"{folder} holds none of the files {', '.join(names)}; {needed}; give that folder")

    def splits(self, folder: str) -> dict[str, dict[str, Array]]:
        """`images` uint8 [N, 32, 32, 3] and `labels` [N].

        Raises DataError that names the file when one is missing, damaged or not what it should be.
        """
        files = self.files(folder)
        train, test = self._read(files, self.train), self._read(files, self.test)
        cut = len(train["labels"]) - self.num_validation
        splits = {
            "train": {name: array[:cut] for name, array in train.items()},
            "validation": {name: array[cut:] for name, array in train.items()},
            "test": test,
        }
        check_splits(splits, self.num_classes, dict.fromkeys(splits, next(iter(files.values())).parent))
        return splits

    def _read(self, files: dict[str, Path], counts: dict[str, int]) -> dict[str, Array]:
        rows, labels = [], []
        for name, count in counts.items():
            read = self._read_binary if files[name].suffix == ".bin" else self._read_python
            file_rows, file_labels = read(files[name], count)
            check_labels(file_rows, file_labels, self.num_classes, files[name])
            rows.append(file_rows)
            labels.append(file_labels)
        planes = np.concatenate(rows).reshape(-1, 3, SIDE, SIDE)  # [N, C, H, W]
        images = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
        return {"images": images, "labels": pack_labels(np.concatenate(labels), self.num_classes)}

    def _read_binary(self, path: Path, count: int) -> tuple[Array, Array]:
        content = read_bytes(path)
        record = self.label_bytes + PIXELS
        if len(content) != count * record:
            raise DataError(
                f"{path}: {len(content)} bytes; {count} images of {record} bytes make {count * record}; fetch it again"
            )
        records = np.frombuffer(content, dtype=np.uint8).reshape(count, record)
        return records[:, self.label_bytes :], records[:, self.label_bytes - 1]

    def _read_python(self, path: Path, count: int) -> tuple[Array, Array]:
        rows, labels = read_pickled_batch(path, self.label_key, PIXELS)
        if len(rows) != count:
            raise DataError(f"{path}: {len(rows)} images; the published file has {count}; fetch it again")
        return rows, labels


CIFAR10 = CifarArchive(
    title="CIFAR-10",
    num_classes=10,
    train={f"data_batch_{number}": 10_000 for number in range(1, 6)},
    test={"test_batch": 10_000},
    label_bytes=1,
    label_key=b"labels",
    folders=("cifar-10-batches-bin", "cifar-10-batches-py"),
)
CIFAR100 = CifarArchive(
    title="CIFAR-100",
    num_classes=100,
    train={"train": 50_000},
    test={"test": 10_000},
    label_bytes=2,
    label_key=b"fine_labels",
    folders=("cifar-100-binary", "cifar-100-python"),
)


class CifarConfig(Options):
    """Where the files are."""

    folder: str = Field("", description="folder of the unpacked archive, binary or Python, or the one above it")


def fingerprint_cifar10(config: CifarConfig) -> str:
    """Names, sizes and times of the files."""
    return stamp(CIFAR10.files(config.folder).values())


def fingerprint_cifar100(config: CifarConfig) -> str:
    """Names, sizes and times of the files."""
    return stamp(CIFAR100.files(config.folder).values())


def build_cifar10(config: CifarConfig, streams: Streams) -> BuiltDataset:
    """`images` uint8 [N, 32, 32, 3] and `labels` [N]."""
    return build_archive(CIFAR10, config)


def build_cifar100(config: CifarConfig, streams: Streams) -> BuiltDataset:
    """`images` uint8 [N, 32, 32, 3] and the fine `labels` [N]."""
    return build_archive(CIFAR100, config)


def build_archive(archive: CifarArchive, config: CifarConfig) -> BuiltDataset:
    """The splits with what a row says about them."""
    return BuiltDataset(
        splits=archive.splits(config.folder),
        tier=Tier.OFFLINE,
        provenance=f"{archive.title}, local files; validation is the last {archive.num_validation} training images",
    )
