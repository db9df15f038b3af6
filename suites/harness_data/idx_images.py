"""Images from four IDX files with MNIST's names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from harness.errors import DataError, MissingDataError
from harness.interfaces import Array, BuiltDataset, Streams
from harness.specs import Tier
from harness_data.files import given_folder, stamp
from harness_data.idx import read_idx
from harness_data.image_checks import check_labels, check_splits
from harness_data.options import Options

STEMS = {
    ("train", "images"): "train-images-idx3-ubyte",
    ("train", "labels"): "train-labels-idx1-ubyte",
    ("test", "images"): "t10k-images-idx3-ubyte",
    ("test", "labels"): "t10k-labels-idx1-ubyte",
}
NEEDED = f"the four IDX files {', '.join(STEMS.values())} are read, gzipped (.gz) or not"


class IdxImagesConfig(Options):
    """Where the files are and what they should hold."""

    folder: str = Field("", description="folder of the four IDX files, gzipped or not")
    num_classes: int = Field(10, description="classes; labels are 0..num_classes-1", gt=0)
    height: int = Field(28, description="rows of an image", gt=0)
    width: int = Field(28, description="columns of an image", gt=0)
    num_validation: int = Field(5000, description="how many of the last training images are validation", gt=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class IdxFolder:
    """Four IDX files and what they should hold. `way_out` ends the message when one is missing."""

    folder: Path
    num_classes: int
    height: int
    width: int
    num_validation: int
    way_out: str

    def splits(self) -> dict[str, dict[str, Array]]:
        """`images` uint8 [N, H, W] and `labels` [N]; validation is the end of the training files.

        Raises DataError that names the file when one is missing, damaged or not what it should be.
        """
        files = self.files()
        train, test = self._read(files, "train"), self._read(files, "test")
        cut = len(train["labels"]) - self.num_validation
        if cut <= 0:
            raise DataError(
                f"{files['train', 'images']}: {len(train['labels'])} images; more than {self.num_validation} are "
                "needed, since that many are kept for validation; fetch the files again or hold out fewer"
            )
        splits = {
            "train": {name: array[:cut] for name, array in train.items()},
            "validation": {name: array[cut:] for name, array in train.items()},
            "test": test,
        }
        trained, tested = files["train", "labels"], files["test", "labels"]
        check_splits(splits, self.num_classes, {"train": trained, "validation": trained, "test": tested})
        return splits

    def files(self) -> dict[tuple[str, str], Path]:
        """The file of each split and array. Raises MissingDataError for the first that is not there."""
        return {key: self._file(stem) for key, stem in STEMS.items()}

    def _file(self, stem: str) -> Path:
        for path in (self.folder / f"{stem}.gz", self.folder / stem):
            if path.is_file():
                return path
        raise MissingDataError(f"{self.folder / stem}.gz does not exist; {self.way_out}")

    def _read(self, files: dict[tuple[str, str], Path], split: str) -> dict[str, Array]:
        images, labels = read_idx(files[split, "images"], 3), read_idx(files[split, "labels"], 1)
        check_labels(images, labels, self.num_classes, files[split, "labels"])
        height, width = images.shape[1:]
        if (height, width) != (self.height, self.width):
            raise DataError(
                f"{files[split, 'images']}: images of {height}x{width} pixels (height x width); {self.height}x"
                f"{self.width} are expected; give other files, or height and width of these to the dataset idx_images"
            )
        return {"images": images, "labels": labels}


def fingerprint(config: IdxImagesConfig) -> str:
    """Names, sizes and times of the files."""
    return stamp(sorted(_folder(config).files().values()))


def build(config: IdxImagesConfig, streams: Streams) -> BuiltDataset:
    """`images` uint8 [N, height, width] and `labels` [N]."""
    folder = _folder(config)
    return BuiltDataset(
        splits=folder.splits(),
        tier=Tier.OFFLINE,
        provenance=f"IDX files of {folder.folder.name}; validation is the last {config.num_validation} training images",
    )


def _folder(config: IdxImagesConfig) -> IdxFolder:
    return IdxFolder(
        folder=given_folder(config.folder, NEEDED),
        num_classes=config.num_classes,
        height=config.height,
        width=config.width,
        num_validation=config.num_validation,
        way_out=f"{NEEDED}; give the folder that holds them all",
    )
