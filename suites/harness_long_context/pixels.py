"""An image as a sequence of grey levels, row by row; the label is what it shows."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from harness.interfaces import Array, BuiltDataset, Streams
from harness_data.classes import class_facts
from harness_data.digits import LEVELS as DIGITS_LEVELS
from harness_data.digits import DigitsConfig
from harness_data.digits import build as build_digits
from harness_data.fashion_mnist import DEBIAN_FOLDER, FashionMnistConfig
from harness_data.fashion_mnist import build as build_fashion_mnist
from harness_data.fashion_mnist import fingerprint as fashion_mnist_fingerprint
from harness_data.options import Options

NUM_CLASSES = 10


class PixelsConfig(Options):
    """Which images, and how finely their grey levels are told apart."""

    images: Literal["digits", "fashion_mnist"] = Field("digits", description="8x8 digits or 28x28 clothes")
    levels: Literal[17, 256] = Field(17, description="grey levels, each a token; the digits have 17")
    folder: str = Field(DEBIAN_FOLDER, description="folder of Fashion-MNIST's IDX files; the digits need none")

    @property
    def length(self) -> int:
        """Pixels of an image."""
        return 8 * 8 if self.images == "digits" else 28 * 28


def fingerprint(config: PixelsConfig) -> str:
    """Names, sizes and times of the image files, where there are any."""
    return "" if config.images == "digits" else fashion_mnist_fingerprint(FashionMnistConfig(folder=config.folder))


def build(config: PixelsConfig, streams: Streams) -> BuiltDataset:
    """Inputs are the pixels in reading order, labels the classes; the splits are those of the images."""
    images, brightest = _images(config, streams)
    splits = {
        split: {"inputs": quantise(arrays["images"], brightest, config.levels), "labels": arrays["labels"]}
        for split, arrays in images.splits.items()
    }
    return BuiltDataset(
        splits=splits,
        tier=images.tier,
        provenance=f"{images.provenance}; pixels row by row in {config.levels} grey levels",
        facts=class_facts(splits, NUM_CLASSES),
    )


def quantise(images: Array, brightest: int, levels: int) -> Array:
    """Images with values 0..brightest as sequences of 0..levels-1, rounded to the nearest level."""
    scaled = (images.astype(np.uint32) * (levels - 1) * 2 + brightest) // (2 * brightest)
    return scaled.astype(np.uint8).reshape(len(images), -1)


def _images(config: PixelsConfig, streams: Streams) -> tuple[BuiltDataset, int]:
    if config.images == "digits":
        return build_digits(DigitsConfig(), streams), DIGITS_LEVELS - 1
    return build_fashion_mnist(FashionMnistConfig(folder=config.folder), streams), 255
