"""Batches of images: kept as bytes on the device where they fit, else read ahead from the disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from harness.interfaces import Array, ImageBatch
from harness.runtime.augmentation import Augmentation
from harness.runtime.ordering import Indices, in_order, shuffled

RESIDENT_BYTES = 2 * 1024**3
"""Images of up to this size are held on the device."""

READ_AHEAD = 4
"""Batches that are read while the device computes, where images do not fit."""


PIECE_BYTES = 4 * 1024**2
"""How much of a split is counted at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standardisation:
    """Makes each channel of the training split's bytes zero in the mean and one in the deviation."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    @classmethod
    def of(cls, images: Array) -> Standardisation:
        """From bytes [N, H, W] or [N, H, W, C], exactly, by counting each value."""
        channels = 1 if images.ndim == 3 else images.shape[-1]
        counts = np.zeros((channels, 256), dtype=np.int64)
        for chosen in in_order(len(images), max(1, PIECE_BYTES // images[0].nbytes)):
            piece = images[chosen].reshape(-1, channels)
            for channel in range(channels):
                counts[channel] += np.bincount(piece[:, channel], minlength=256)
        values = np.arange(256)
        shares = counts / counts.sum(axis=1, keepdims=True)
        mean = shares @ values
        deviation = np.sqrt((shares * (values - mean[:, None]) ** 2).sum(axis=1))
        # A channel that never varies is left at zero.
        return cls(mean=tuple(mean.tolist()), deviation=tuple(np.where(deviation > 0, deviation, 1.0).tolist()))

    def apply(self, images: UInt8[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Bytes as standardised float32."""
        mean, deviation = (
            torch.tensor(numbers, dtype=torch.float32, device=images.device).view(-1, 1, 1)
            for numbers in (self.mean, self.deviation)
        )
        return images.float().sub_(mean).div_(deviation)


SYMMETRIC = Standardisation(mean=(127.5,), deviation=(127.5,))
"""Bytes as numbers from -1 to 1, whatever the images."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """What is done to a batch of bytes before a network reads it: standardised, then resized where a size is given.

    Resizing is bilinear with antialiasing, to `size` = (height, width).
    """

    standardisation: Standardisation
    size: tuple[int, int] | None = None

    def apply(self, images: UInt8[Tensor, "b c h w"]) -> Float[Tensor, "b c height width"]:
        standard = self.standardisation.apply(images)
        if self.size is None or tuple(standard.shape[-2:]) == self.size:
            return standard
        return F.interpolate(standard, size=self.size, mode="bilinear", antialias=True)


class ImageStore:
    """A split: images [N, H, W] or [N, H, W, C] and labels [N], on the device or, where they are many, on the disk."""

    def __init__(self, arrays: Mapping[str, Array], device: torch.device, resident_bytes: int = RESIDENT_BYTES) -> None:
        self._images = arrays["images"]
        self._labels = torch.from_numpy(np.array(arrays["labels"], dtype=np.int64)).to(device)
        self._device = device
        resident = self._images.nbytes <= resident_bytes
        self._resident = _channels_first(torch.from_numpy(np.array(self._images)).to(device)) if resident else None

    def __len__(self) -> int:
        return len(self._labels)

    @property
    def resident(self) -> bool:
        return self._resident is not None

    def take(self, chosen: slice | Indices) -> tuple[UInt8[Tensor, "b c h w"], Int[Tensor, " b"]]:
        """The chosen images as bytes, and their labels, on the device."""
        where = chosen if isinstance(chosen, slice) else torch.from_numpy(chosen).to(self._device)
        return self._bytes(chosen, where), self._labels[where]

    def batches(self, orders: Iterator[Indices]) -> Iterator[tuple[UInt8[Tensor, "b c h w"], Int[Tensor, " b"]]]:
        """What each of the orders chooses; images that lie on the disk are read ahead in a thread."""
        if self.resident:
            yield from map(self.take, orders)
            return
        with ThreadPoolExecutor(max_workers=1) as reader:
            ahead = [reader.submit(self.take, next(orders)) for _ in range(READ_AHEAD)]
            for chosen in orders:
                ready = ahead.pop(0).result()
                ahead.append(reader.submit(self.take, chosen))
                yield ready

    def _bytes(self, chosen: slice | Indices, where: slice | Tensor) -> Tensor:
        if self._resident is not None:
            return self._resident[where]
        read = torch.from_numpy(np.array(self._images[chosen]))
        if self._device.type == "cuda":
            read = read.pin_memory()
        return _channels_first(read.to(self._device, non_blocking=True))


def _channels_first(images: Tensor) -> Tensor:
    return images[:, None] if images.ndim == 3 else images.movedim(-1, 1).contiguous()


def training_batches(
    store: ImageStore,
    preparation: Preparation,
    augmentation: Augmentation,
    *,
    num_classes: int,
    batch_size: int,
    order: np.random.Generator,
    draws: np.random.Generator,
) -> Iterator[ImageBatch]:
    """Augmented batches without end. What is drawn does not depend on the device, nor on what a model draws."""
    for images, labels in store.batches(shuffled(len(store), batch_size, order)):
        moved = augmentation.moved(images, draws)
        inputs, targets = augmentation.mixed(preparation.apply(moved), labels, num_classes, draws)
        yield ImageBatch(inputs=inputs, targets=targets)


def evaluation_batches(store: ImageStore, preparation: Preparation, batch_size: int) -> Iterator[ImageBatch]:
    """Every image once, in order, as it is."""
    for chosen in in_order(len(store), batch_size):
        images, labels = store.take(chosen)
        yield ImageBatch(inputs=preparation.apply(images), targets=labels)
