"""The tasks of the suite, from their options."""

from __future__ import annotations

from harness_generative.completion import CompletionTask
from harness_generative.grey_images import Binarisation, GreyImages
from harness_generative.likelihood import LikelihoodTask
from harness_generative.options import (
    CompletionOptions,
    DigitSamplesOptions,
    FashionSamplesOptions,
    GreyImagesOptions,
    LikelihoodOptions,
    SamplesOptions,
)
from harness_generative.reconstruction import ReconstructionTask
from harness_generative.sampling import SamplingTask
from harness_generative.video_options import VideoOptions
from harness_generative.videos import VideoTask


def binary_likelihood(options: LikelihoodOptions) -> LikelihoodTask:
    """Training images are binarised anew whenever they are met."""
    return _likelihood(options, "resampled")


def fixed_binary_likelihood(options: LikelihoodOptions) -> LikelihoodTask:
    """Training images are binarised once."""
    return _likelihood(options, "fixed")


def reconstruction(options: GreyImagesOptions) -> ReconstructionTask:
    """Encode and decode grey images."""
    request, data = options.images()
    return ReconstructionTask(dataset=request, data=data, images=GreyImages(brightest=options.brightest))


def quadrants(options: CompletionOptions) -> CompletionTask:
    """Fill in the quadrants of a binarised image that are not given."""
    request, data = options.images()
    return CompletionTask(
        dataset=request,
        data=data,
        images=GreyImages(brightest=options.brightest, binarisation="resampled"),
        num_observed=options.num_observed,
        samples=options.samples,
    )


def digit_samples(options: DigitSamplesOptions) -> SamplingTask:
    """Draw digits; a network that knows digits judges them."""
    return _sampling(options, GreyImagesOptions(source="digits"), "digits-cnn-v1")


def fashion_samples(options: FashionSamplesOptions) -> SamplingTask:
    """Draw clothes; a network that knows clothes judges them."""
    source = GreyImagesOptions(source="fashion_mnist", folder=options.folder)
    return _sampling(options, source, "fashion-cnn-v1")


def clips(options: VideoOptions) -> VideoTask:
    """Draw clips and predict how others go on."""
    request, data = options.videos()
    return VideoTask(dataset=request, data=data, num_given=options.num_given, num_samples=options.num_samples)


def _likelihood(options: LikelihoodOptions, binarisation: Binarisation) -> LikelihoodTask:
    request, data = options.images()
    images = GreyImages(brightest=options.brightest, binarisation=binarisation)
    return LikelihoodTask(dataset=request, data=data, images=images, samples=options.samples)


def _sampling(options: SamplesOptions, source: GreyImagesOptions, extractor: str) -> SamplingTask:
    request, data = source.images()
    return SamplingTask(
        dataset=request,
        data=data,
        images=GreyImages(brightest=source.brightest),
        extractor=extractor,
        num_samples=options.num_samples,
        widest=options.widest,
        extra_extractors=options.extractors,
        inception_weights=options.inception_weights,
    )
