"""The options of the generative tasks."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from harness.interfaces import DatasetRequest, ImageData
from harness_data.digits import LEVELS
from harness_data.fashion_mnist import DEBIAN_FOLDER
from harness_data.options import Options
from harness_generative.feature_widths import EXTRA_WIDTHS, PINNED_WIDTH, ExtraExtractor

IDX_OPTIONS = ("height", "width", "num_classes", "num_validation")


class GreyImagesOptions(Options):
    """Which grey images a model learns. Bytes become numbers from 0 to 1."""

    source: Literal["digits", "fashion_mnist", "idx"] = Field(
        "digits", description="8x8 digits, 28x28 clothes, or a folder of four IDX files with MNIST's names"
    )
    folder: str = Field("", description="folder of the files; empty is the package's for clothes; the digits need none")
    height: int = Field(28, gt=0, description="rows of an image, with source=idx")
    width: int = Field(28, gt=0, description="columns of an image, with source=idx")
    num_classes: int = Field(10, gt=0, description="classes of the labels, with source=idx")
    num_validation: int = Field(5000, gt=0, description="last training images held out, with source=idx")

    @model_validator(mode="after")
    def _folder_is_read(self) -> GreyImagesOptions:
        if self.folder and self.source == "digits":
            raise ValueError(
                "folder is given with source=digits, which reads none; leave it out or name another source"
            )
        if self.source == "idx" and not self.folder:
            raise ValueError("source=idx has no folder; it reads four IDX files with MNIST's names; give their folder")
        return self

    @model_validator(mode="after")
    def _sizes_are_read(self) -> GreyImagesOptions:
        fields, values = type(self).model_fields, self.model_dump(include=set(IDX_OPTIONS))
        given = [name for name in IDX_OPTIONS if values[name] != fields[name].default]
        if given and self.source != "idx":
            raise ValueError(
                f"{', '.join(given)} given with source={self.source}, whose images are what they are; "
                "leave it out or take source=idx"
            )
        return self

    @property
    def brightest(self) -> int:
        """The byte that stands for 1."""
        return LEVELS - 1 if self.source == "digits" else 255

    def images(self) -> tuple[DatasetRequest, ImageData]:
        """The dataset that is read, and what its images are."""
        name: str = self.source
        height, width, options = self.height, self.width, dict[str, Any]()
        match self.source:
            case "digits":
                height = width = 8
            case "fashion_mnist":
                options = {"folder": self.folder or DEBIAN_FOLDER}
            case "idx":
                name = "idx_images"
                options = self.model_dump(include={"folder", *IDX_OPTIONS})
        data = ImageData(num_classes=self.num_classes, channels=1, height=height, width=width)
        return DatasetRequest(name=name, options=options), data


class LikelihoodOptions(GreyImagesOptions):
    """How a likelihood is bounded."""

    samples: tuple[int, ...] = Field((1, 10, 100), min_length=1, description="importance samples of the bounds shown")


class SamplesOptions(Options):
    """How many samples are looked at, and by which networks besides the pinned classifier of the data."""

    num_samples: int = Field(10_000, gt=1, description="samples drawn for the metrics")
    extractors: tuple[ExtraExtractor, ...] = Field((), description="further networks that look at the samples")
    inception_weights: str = Field("", description="file of Inception's weights (pt_inception-2015-12-05-6726825d.pth)")

    @property
    def widest(self) -> int:
        """The most features that a Fréchet distance is taken of; its covariance needs more images than that."""
        return PINNED_WIDTH

    @model_validator(mode="after")
    def _covariances_are_regular(self) -> SamplesOptions:
        if self.num_samples <= self.widest:
            raise ValueError(
                f"num_samples={self.num_samples} for {self.widest} features: their covariance would be singular; "
                f"give more than {self.widest}"
            )
        return self

    @model_validator(mode="after")
    def _extractors_are_complete(self) -> SamplesOptions:
        if len(set(self.extractors)) < len(self.extractors):
            raise ValueError(f"extractors={list(self.extractors)} names one twice; name each once")
        if "inception" in self.extractors and not self.inception_weights:
            raise ValueError(
                "extractor inception has no weights; they are not on any package index; give inception_weights, the "
                "path of pt_inception-2015-12-05-6726825d.pth"
            )
        if self.inception_weights and "inception" not in self.extractors:
            raise ValueError('inception_weights is given, but nothing reads it; add extractors=["inception"]')
        return self


class DigitSamplesOptions(SamplesOptions):
    """How samples of digits are looked at; by large networks without a Fréchet distance, for 300 test images."""


class FashionSamplesOptions(SamplesOptions):
    """How samples of clothes are looked at, and where the real ones are."""

    folder: str = Field("", description="folder of Fashion-MNIST's files; empty is the package's")

    @property
    def widest(self) -> int:
        """That of the pinned classifier and of every further network."""
        return max((PINNED_WIDTH, *(EXTRA_WIDTHS[name] for name in self.extractors)))


class CompletionOptions(GreyImagesOptions):
    """Which quadrants are given: 1 is the lower left, 2 the left half, 3 all but the lower right."""

    num_observed: Literal[1, 2, 3] = Field(1, description="quadrants that are given")
    samples: int = Field(100, gt=0, description="draws of the latent variables in each estimate")
