"""The options of the scaling tasks."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from harness_data.measuring import MeasuringOptions, Points
from harness_data.options import Options


class TokenOptions(MeasuringOptions):
    """Lengths of token sequences."""

    vocab: int = Field(256, gt=1, description="different tokens")
    lengths: Points = Field((256, 512, 1024, 2048, 4096), description="tokens in a sequence, growing")
    batch: int = Field(1, gt=0, description="sequences in a batch, at every length")
    tokens: int = Field(0, ge=0, description="tokens in a batch at every length, in place of a fixed batch; 0 is off")

    @model_validator(mode="after")
    def _tokens_fill_batches(self) -> TokenOptions:
        for length in self.lengths:
            if self.tokens % length:
                raise ValueError(
                    f"tokens={self.tokens} is no whole number of sequences of {length} tokens; give a multiple of "
                    "every length"
                )
        return self

    def batch_at(self, length: int) -> int:
        """Sequences in a batch of this length."""
        return self.tokens // length if self.tokens else self.batch


class DecodeOptions(MeasuringOptions):
    """Tokens read before the one that is timed."""

    vocab: int = Field(256, gt=1, description="different tokens")
    contexts: Points = Field((128, 256, 512, 1024, 2048), description="tokens read before the timed one, growing")
    batch: int = Field(1, gt=0, description="sequences that are generated at once")


class BatchOptions(MeasuringOptions):
    """Sequences in a batch."""

    vocab: int = Field(256, gt=1, description="different tokens")
    length: int = Field(256, gt=0, description="tokens in a sequence")
    batches: Points = Field((1, 2, 4, 8, 16, 32), description="sequences in a batch, growing")


class WidthOptions(MeasuringOptions):
    """Widths of a model."""

    along: ClassVar[str] = "width"
    vocab: int = Field(256, gt=1, description="different tokens")
    length: int = Field(256, gt=0, description="tokens in a sequence")
    batch: int = Field(4, gt=0, description="sequences in a batch")
    option: str = Field("d_model", description="the model's option that is varied")
    values: Points = Field((32, 64, 128, 256), description="values of that option, growing")


class StateOptions(WidthOptions):
    """Sizes of a model's state."""

    along: ClassVar[str] = "state"
    option: str = Field("d_state", description="the model's option that is varied")
    values: Points = Field((8, 16, 32, 64), description="values of that option, growing")


class DecodeBatchOptions(MeasuringOptions):
    """Sequences that are generated at once."""

    vocab: int = Field(256, gt=1, description="different tokens")
    context: int = Field(512, gt=0, description="tokens read before the timed one")
    batches: Points = Field((1, 4, 16, 64), description="sequences that are generated at once, growing")


class OpOptions(MeasuringOptions):
    """Lengths of an op's inputs."""

    lengths: Points = Field((256, 512, 1024, 2048, 4096), description="length of the inputs, growing")
    backward: bool = Field(True, description="time the backward pass too, where the kernel has one")


class ImageOptions(MeasuringOptions):
    """Sides of images."""

    num_classes: int = Field(10, gt=1, description="classes")
    channels: int = Field(3, gt=0, description="channels of an image")
    sides: Points = Field((16, 32, 64, 128), description="sides of the images in pixels, growing")
    batch: int = Field(1, gt=0, description="images in a batch")


class VideoOptions(MeasuringOptions):
    """Frames of clips."""

    channels: int = Field(1, gt=0, description="channels of a frame")
    side: int = Field(16, gt=0, description="side of a frame in pixels")
    frames: Points = Field((2, 4, 8, 16), description="frames in a clip, growing")
    batch: int = Field(1, gt=0, description="clips in a batch")


class SamplingOptions(MeasuringOptions):
    """Steps of a sampler."""

    channels: int = Field(1, gt=0, description="channels of an image")
    side: int = Field(16, gt=0, description="side of an image in pixels")
    batch: int = Field(1, gt=0, description="images that are drawn at once")
    steps_option: str = Field("sampler_steps", description="the model's option that says how many steps it takes")
    steps: Points = Field((4, 8, 16, 32), description="steps of the sampler, growing")


class LimitOptions(Options):
    """How much memory a training step may take."""

    vocab: int = Field(256, gt=1, description="different tokens")
    mebibytes: int = Field(256, gt=0, description="memory that a step of training may have allocated, weights and all")
    call_seconds: float = Field(30.0, gt=0, description="what takes longer a step ends the search")


class MemoryLimitOptions(LimitOptions):
    """Which lengths are tried."""

    batch: int = Field(1, gt=0, description="sequences in a batch")
    multiple: int = Field(64, gt=0, description="lengths that are tried are multiples of this")
    longest: int = Field(65_536, gt=0, description="longest sequence that is tried")


class BatchLimitOptions(LimitOptions):
    """Which batches are tried."""

    length: int = Field(256, gt=0, description="tokens in a sequence")
    multiple: int = Field(1, gt=0, description="batches that are tried are multiples of this")
    largest: int = Field(4_096, gt=0, description="most sequences that are tried")
