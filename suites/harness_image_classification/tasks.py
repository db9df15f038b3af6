"""The tasks of the suite, from their options."""

from __future__ import annotations

from harness.interfaces import ImageData
from harness_image_classification.few_shot import FewShotTask
from harness_image_classification.image_task import ImageTask
from harness_image_classification.options import (
    ChosenImagesOptions,
    Cifar10Options,
    Cifar100Options,
    DigitsOptions,
    FashionMnistOptions,
    FewShotOptions,
    HubImagesOptions,
    IdxImagesOptions,
    ImageFolderOptions,
    ImageThroughputOptions,
)
from harness_image_classification.throughput import ImageThroughputTask

Classification = (
    DigitsOptions
    | FashionMnistOptions
    | IdxImagesOptions
    | Cifar10Options
    | Cifar100Options
    | ImageFolderOptions
    | HubImagesOptions
    | ChosenImagesOptions
)


def classification(options: Classification) -> ImageTask:
    """Name what an image shows."""
    request, stored = options.images()
    return ImageTask(dataset=request, stored=stored, protocol=options)


def few_shot(options: FewShotOptions) -> FewShotTask:
    """Name new classes after a few images of each."""
    request, stored = options.images()
    return FewShotTask(dataset=request, stored=stored, protocol=options)


def throughput(options: ImageThroughputOptions) -> ImageThroughputTask:
    """Train and answer as fast as may be."""
    size = options.image_size
    data = ImageData(num_classes=options.num_classes, channels=options.channels, height=size, width=size)
    return ImageThroughputTask(data=data, repeats=options.repeats)
