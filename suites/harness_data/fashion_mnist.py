"""Fashion-MNIST from its four IDX files, as the Debian package installs them or in any folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydantic import Field

from harness.errors import DataError, MissingDataError
from harness.interfaces import Array, BuiltDataset, Streams
from harness.specs import Tier
from harness_data.files import stamp
from harness_data.idx import read_idx
from harness_data.options import Options

NUM_VALIDATION = 5000
NUM_CLASSES = 10
DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"
STEMS = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("test", "images"): "t10k-images-idx3-ubyte",
    ("test", "labels"): "t10k-labels-idx1-ubyte",
}


class FashionMnistConfig(Options):
    """Where the files are."""

    folder: str = Field(DEBIAN_FOLDER, description="folder of the four IDX files, gzipped or not")


def fingerprint(config: FashionMnistConfig) -> str:
    """Names, sizes and times of the files."""
    return stamp(sorted(_files(Path(config.folder)).values()))


def build(config: FashionMnistConfig, streams: Streams) -> BuiltDataset:
    """`images` uint8 [N, 28, 28] and `labels` [N]; validation is the end of the published training set."""
    return BuiltDataset(
        splits=read_fashion_mnist(Path(config.folder)),
        tier=Tier.OFFLINE,
        provenance=f"Fashion-MNIST, IDX files; validation is the last {NUM_VALIDATION} training images",
    )


def read_fashion_mnist(folder: Path) -> dict[str, dict[str, Array]]:
    """The splits. Raises DataError that names the file when one is missing, damaged or not what it should be."""
    files = _files(folder)
    train, test = _read(files, "train"), _read(files, "test")
    cut = len(train["labels"]) - NUM_VALIDATION
    if cut <= 0:
        raise DataError(
            f"{files['train', 'images']}: {len(train['labels'])} images; more than {NUM_VALIDATION} are needed, since "
            "that many are kept for validation; fetch the files again"
        )
    return {
        "train": {name: array[:cut] for name, array in train.items()},
        "validation": {name: array[cut:] for name, array in train.items()},
        "test": test,
    }


def _files(folder: Path) -> dict[tuple[str, str], Path]:
    return {key: _file(folder, stem) for key, stem in STEMS.items()}


def _file(folder: Path, stem: str) -> Path:
    for path in (folder / f"{stem}.gz", folder / stem):
        if path.is_file():
            return path
    raise MissingDataError(
        f"{folder / stem}.gz does not exist; Fashion-MNIST needs its four IDX files; install them with "
        "`apt-get install dataset-fashion-mnist` or give their folder with fashion_mnist.folder=... "
        "(pixels.folder=... for the task pixels)"
    )


def _read(files: dict[tuple[str, str], Path], split: str) -> dict[str, Array]:
    images, labels = read_idx(files[split, "images"], 3), read_idx(files[split, "labels"], 1)
    if len(images) != len(labels):
        raise DataError(
            f"{files[split, 'labels']}: {len(labels)} labels for {len(images)} images; the counts must agree; "
            "fetch the files again"
        )
    if images.shape[1:] != (28, 28):
        raise DataError(f"{files[split, 'images']}: images of {images.shape[1:]} pixels; Fashion-MNIST has (28, 28)")
    if labels.size and int(labels.max()) >= NUM_CLASSES:
        raise DataError(f"{files[split, 'labels']}: label {np.max(labels)}; the classes are 0..{NUM_CLASSES - 1}")
    return {"images": images, "labels": labels}
