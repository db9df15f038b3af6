"""The options of the image tasks: which images, how many of them, and what training changes about them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from harness.interfaces import DatasetRequest, ImageData
from harness_data.fashion_mnist import DEBIAN_FOLDER
from harness_data.options import Options


class ProtocolOptions(Options):
    """What every image task has: the defaults train on all images as they are."""

    train_images: int = Field(0, ge=0, description="training images, as many of each class; 0 is all of them")
    image_size: int = Field(0, ge=0, description="side in pixels that images are resized to; 0 leaves them as they are")
    scaling: Literal["standardised", "symmetric"] = Field(
        "standardised",
        description="mean 0 and deviation 1 over the training split, or from -1 to 1 as published weights expect",
    )
    shift: int = Field(0, ge=0, description="pixels that training moves an image by at most, along each axis")
    resized_crop: float = Field(
        0.0, ge=0, le=1, description="least share of an image that training cuts out and scales up; 0 is off"
    )
    flip: bool = Field(False, description="training mirrors every other image")
    mixup: float = Field(0.0, ge=0, description="training mixes images by weights from Beta(mixup, mixup); 0 is off")


class DigitsOptions(ProtocolOptions):
    """8x8 handwritten digits; nothing is read from the disk."""

    def images(self) -> tuple[DatasetRequest, ImageData]:
        return DatasetRequest(name="digits", options={}), ImageData(num_classes=10, channels=1, height=8, width=8)


class FashionMnistOptions(ProtocolOptions):
    """28x28 pictures of clothes."""

    folder: str = Field(DEBIAN_FOLDER, description="folder of the four IDX files, gzipped or not")

    def images(self) -> tuple[DatasetRequest, ImageData]:
        request = DatasetRequest(name="fashion_mnist", options={"folder": self.folder})
        return request, ImageData(num_classes=10, channels=1, height=28, width=28)


class IdxImagesOptions(ProtocolOptions):
    """Grey images in a folder of IDX files named like MNIST's."""

    folder: str = Field("", description="folder of the four IDX files, gzipped or not")
    num_classes: int = Field(10, gt=1, description="number of classes")
    height: int = Field(28, gt=0, description="height of an image in pixels")
    width: int = Field(28, gt=0, description="width of an image in pixels")

    num_validation: int = Field(5000, gt=0, description="training images at the end that are kept for validation")

    def images(self) -> tuple[DatasetRequest, ImageData]:
        sizes = {"num_classes": self.num_classes, "height": self.height, "width": self.width}
        options = {"folder": self.folder, "num_validation": self.num_validation, **sizes}
        return DatasetRequest(name="idx_images", options=options), ImageData(channels=1, **sizes)


class CifarOptions(ProtocolOptions):
    """Small colour photographs from a local folder."""

    folder: str = Field("", description="folder that the published archive unpacks to, binary or Python version")


class Cifar10Options(CifarOptions):
    """32x32 photographs of ten classes."""

    def images(self) -> tuple[DatasetRequest, ImageData]:
        return _cifar("cifar10", self.folder, 10)


class Cifar100Options(CifarOptions):
    """32x32 photographs of a hundred classes."""

    def images(self) -> tuple[DatasetRequest, ImageData]:
        return _cifar("cifar100", self.folder, 100)


class StoredSquares(ProtocolOptions):
    """Images that are decoded once and stored as squares."""

    num_classes: int = Field(1000, gt=1, description="number of classes")
    stored_size: int = Field(224, gt=0, description="side of the stored squares in pixels")
    resize: Literal["exact", "shorter_side"] = Field(
        "exact", description="refuse images of another size, or scale the shorter side and crop the centre"
    )
    channels: Literal[1, 3] = Field(3, description="grey or colour")
    validation_share: float = Field(
        0.02, gt=0, lt=1, description="share of train that is held out where there is no validation split"
    )

    def stored(self) -> tuple[dict[str, object], ImageData]:
        """The dataset's options about the squares, and what a model is built for."""
        options = {
            "num_classes": self.num_classes,
            "image_size": self.stored_size,
            "resize": self.resize,
            "channels": self.channels,
            "validation_share": self.validation_share,
        }
        size = self.stored_size
        return options, ImageData(num_classes=self.num_classes, channels=self.channels, height=size, width=size)


class ImageFolderOptions(StoredSquares):
    """Image files in a folder for each class, as ImageNet unpacks."""

    folder: str = Field("", description="folder that holds train/<class>/ and test/<class>/ or val/<class>/")

    def images(self) -> tuple[DatasetRequest, ImageData]:
        options, data = self.stored()
        return DatasetRequest(name="image_folder", options={"folder": self.folder, **options}), data


class HubImagesOptions(StoredSquares):
    """Images of a dataset that the hub has, by the package `datasets`."""

    name: str = Field("", description="the hub's name for the dataset, such as ylecun/mnist")
    image_column: str = Field("image", description="column of the images")
    label_column: str = Field("label", description="column of the labels")
    train_split: str = Field("train", description="split that is trained on")
    test_split: str = Field("test", description="split that is tested on")

    def images(self) -> tuple[DatasetRequest, ImageData]:
        options, data = self.stored()
        where = {
            "name": self.name,
            "image_column": self.image_column,
            "label_column": self.label_column,
            "train_split": self.train_split,
            "test_split": self.test_split,
        }
        return DatasetRequest(name="hub_images", options={**where, **options}), data


class ChosenImagesOptions(ProtocolOptions):
    """A task that asks its question of any of the plain datasets."""

    source: Literal["digits", "fashion_mnist", "cifar10", "cifar100"] = Field("digits", description="which images")
    folder: str = Field("", description="folder of the files; empty is the dataset's default; the digits need none")

    @model_validator(mode="after")
    def _folder_is_read(self) -> ChosenImagesOptions:
        if self.folder and self.source == "digits":
            raise ValueError(
                "folder is given with source=digits, which reads none; leave it out or name another source"
            )
        return self

    def images(self) -> tuple[DatasetRequest, ImageData]:
        if self.source == "digits":
            return DigitsOptions().images()
        if self.source == "fashion_mnist":
            return FashionMnistOptions(folder=self.folder or DEBIAN_FOLDER).images()
        return _cifar(self.source, self.folder, 10 if self.source == "cifar10" else 100)


class FewShotOptions(ChosenImagesOptions):
    """Learn some classes, then the others from a few images of each."""

    shots: tuple[int, ...] = Field((1, 5, 10, 25), min_length=1, description="images of each new class")
    draws: int = Field(10, gt=0, description="how often they are drawn anew")


class ImageThroughputOptions(Options):
    """Images whose content does not matter."""

    image_size: int = Field(32, gt=0, description="side of the images in pixels")
    channels: int = Field(3, gt=0, description="channels of the images")
    num_classes: int = Field(10, gt=1, description="number of classes")
    repeats: int = Field(10, gt=1, description="timed forward passes")


def _cifar(name: str, folder: str, num_classes: int) -> tuple[DatasetRequest, ImageData]:
    data = ImageData(num_classes=num_classes, channels=3, height=32, width=32)
    return DatasetRequest(name=name, options={"folder": folder}), data
