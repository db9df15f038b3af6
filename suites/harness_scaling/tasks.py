"""The tasks of the suite, from their options."""

from harness_scaling.memory_limit import MemoryLimitTask
from harness_scaling.operations import OpTask
from harness_scaling.options import (
    BatchLimitOptions,
    BatchOptions,
    DecodeBatchOptions,
    DecodeOptions,
    ImageOptions,
    MemoryLimitOptions,
    OpOptions,
    SamplingOptions,
    StateOptions,
    TokenOptions,
    VideoOptions,
    WidthOptions,
)
from harness_scaling.pictures import ImageTask, SamplingTask, VideoTask
from harness_scaling.tokens import DecodeBatchTask, DecodeTask, PrefillTask, TrainingStepTask
from harness_scaling.training_lines import BatchTask, OptionTask


def training_step(options: TokenOptions) -> TrainingStepTask:
    return TrainingStepTask(options=options)


def prefill(options: TokenOptions) -> PrefillTask:
    return PrefillTask(options=options)


def decode(options: DecodeOptions) -> DecodeTask:
    return DecodeTask(options=options)


def batch_scaling(options: BatchOptions) -> BatchTask:
    return BatchTask(options=options)


def width_scaling(options: WidthOptions) -> OptionTask:
    return OptionTask(options=options)


def state_scaling(options: StateOptions) -> OptionTask:
    return OptionTask(options=options)


def decode_batch(options: DecodeBatchOptions) -> DecodeBatchTask:
    return DecodeBatchTask(options=options)


def op_scaling(options: OpOptions) -> OpTask:
    return OpTask(options=options)


def image_scaling(options: ImageOptions) -> ImageTask:
    return ImageTask(options=options)


def video_scaling(options: VideoOptions) -> VideoTask:
    return VideoTask(options=options)


def sampling(options: SamplingOptions) -> SamplingTask:
    return SamplingTask(options=options)


def memory_limit(options: MemoryLimitOptions) -> MemoryLimitTask:
    return MemoryLimitTask(options=options)


def batch_limit(options: BatchLimitOptions) -> MemoryLimitTask:
    return MemoryLimitTask(options=options)
