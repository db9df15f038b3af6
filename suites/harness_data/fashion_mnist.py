"""Fashion-MNIST from its four IDX files, as the Debian package installs them or in any folder."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from harness.interfaces import Array, BuiltDataset, Streams
from harness.specs import Tier
from harness_data.files import stamp
from harness_data.idx_images import IdxFolder
from harness_data.options import Options

NUM_VALIDATION = 5000
NUM_CLASSES = 10
DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"


class FashionMnistConfig(Options):
    """Where the files are."""

    folder: str = Field(DEBIAN_FOLDER, description="folder of the four IDX files, gzipped or not")


def fingerprint(config: FashionMnistConfig) -> str:
    """Names, sizes and times of the files."""
    return stamp(sorted(_folder(Path(config.folder)).files().values()))


def build(config: FashionMnistConfig, streams: Streams) -> BuiltDataset:
    """`images` uint8 [N, 28, 28] and `labels` [N]; validation is the end of the published training set."""
    return BuiltDataset(
        splits=read_fashion_mnist(Path(config.folder)),
        tier=Tier.OFFLINE,
        provenance=f"Fashion-MNIST, IDX files; validation is the last {NUM_VALIDATION} training images",
    )


def read_fashion_mnist(folder: Path) -> dict[str, dict[str, Array]]:
    """The splits. Raises DataError that names the file when one is missing, damaged or not what it should be."""
    return _folder(folder).splits()


def _folder(folder: Path) -> IdxFolder:
    return IdxFolder(
        folder=folder,
        num_classes=NUM_CLASSES,
        height=28,
        width=28,
        num_validation=NUM_VALIDATION,
        way_out=(
            "Fashion-MNIST needs its four IDX files; install them with `apt-get install dataset-fashion-mnist` or give "
            "their folder with fashion_mnist.folder=... (pixels.folder=... for the task pixels)"
        ),
    )
