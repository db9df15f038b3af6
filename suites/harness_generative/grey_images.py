"""Grey images from 0 to 1, as they are or binarised, in batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

from harness.errors import DataError
from harness.interfaces import Array, Dataset, ImageBatch, Streams

if TYPE_CHECKING:
    import torch

Binarisation: TypeAlias = Literal["none", "resampled", "fixed"]

BINARISATION_SEED = 20_131_220
"""Test images, and those of the fixed protocol, are binarised by this stream for every seed and model alike."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GreyImages:
    """What a task gives its models of a dataset's bytes, of which `brightest` becomes 1.

    Binarised, a pixel is 1 with the probability of its grey level: drawn anew whenever a training image is met
    (`resampled`, Burda et al. 2015), or once for all (`fixed`, Larochelle and Murray 2011).
    """

    brightest: int
    binarisation: Binarisation = "none"

    def grey(self, images: Array) -> Array:
        """float32 [N, 1, H, W] from 0 to 1. Raises DataError for a value beyond the brightest."""
        if images.size and int(images.max()) > self.brightest:
            raise DataError(f"a pixel is {images.max()}; the brightest of these images is {self.brightest}")
        return (images.astype(np.float32) / self.brightest)[:, None]

    def training(
        self, data: Dataset | None, batch_size: int, streams: Streams, device: torch.device
    ) -> Iterator[ImageBatch]:
        """Batches of the training split without end."""
        from harness.runtime.ordering import shuffled

        arrays, draws = split_of(data, "train"), streams.numpy("binarisation")
        grey = self.grey(arrays["images"])
        if self.binarisation == "fixed":
            grey = self._fixed(grey, "train")
        for chosen in shuffled(len(grey), batch_size, streams.numpy("batches")):
            images = grey[chosen]
            if self.binarisation == "resampled":
                images = binarised(images, draws)
            yield _batch(images, arrays["labels"][chosen], device)

    def held_out(self, data: Dataset | None, split: str) -> Array:
        """The images of a split that models are judged by, the same for every model and seed."""
        grey = self.grey(split_of(data, split)["images"])
        return grey if self.binarisation == "none" else self._fixed(grey, split)

    def batches(self, data: Dataset | None, split: str, batch_size: int, device: torch.device) -> Iterator[ImageBatch]:
        """The held-out images in order."""
        from harness.runtime.ordering import in_order

        images, labels = self.held_out(data, split), split_of(data, split)["labels"]
        for chosen in in_order(len(images), batch_size):
            yield _batch(images[chosen], labels[chosen], device)

    def _fixed(self, grey: Array, split: str) -> Array:
        return binarised(grey, np.random.default_rng([BINARISATION_SEED, *split.encode()]))


def binarised(grey: Array, generator: np.random.Generator) -> Array:
    """1 with the probability of the grey level, else 0."""
    return (generator.random(grey.shape, dtype=np.float32) < grey).astype(np.float32)


def split_of(data: Dataset | None, split: str) -> Mapping[str, Array]:
    """Raises DataError that names the splits there are."""
    if data is None:
        raise DataError("a generative task got no dataset; it reads the one that it asks for; pass that")
    if split not in data.splits:
        raise DataError(f"{data.name} has no split {split!r}; it has {', '.join(sorted(data.splits))}")
    return data.splits[split]


def _batch(images: Array, labels: Array, device: torch.device) -> ImageBatch:
    import torch

    return ImageBatch(
        inputs=torch.from_numpy(np.ascontiguousarray(images)).to(device),
        targets=torch.from_numpy(np.asarray(labels, dtype=np.int64)).to(device),
    )
