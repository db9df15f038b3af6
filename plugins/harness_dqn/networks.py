"""The networks Q(s, .): convolutions over the last frames for pixels, two hidden layers for plain numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from harness.errors import UsageError
from harness.interfaces import ActingData
from harness_dqn.dense import Dense

Config = TypeVar("Config", covariant=True)
BYTE = 255.0
VECTOR_WIDTHS = (128, 128)


@dataclass(frozen=True, slots=True)
class Convolution:
    """A layer of `channels` filters of `size` x `size` pixels, applied every `stride` pixels."""

    channels: int
    size: int
    stride: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """What a paper says of its network: convolutions and the width of the layer after them."""

    convolutions: tuple[Convolution, ...]
    hidden: int
    normalised: bool = False


NETWORK_2013 = Shape(convolutions=(Convolution(16, 8, 4), Convolution(32, 4, 2)), hidden=256)
NETWORK_2015 = Shape(convolutions=(Convolution(32, 8, 4), Convolution(64, 4, 2), Convolution(64, 3, 1)), hidden=512)
NETWORK_NORMALISED = Shape(convolutions=NETWORK_2013.convolutions, hidden=256, normalised=True)
NETWORK_NORMALISED_2015 = Shape(convolutions=NETWORK_2015.convolutions, hidden=512, normalised=True)
# Frames below this size lose too much to a first layer of 8 x 8 pixels every 4.
SMALL_FRAME = 64
SMALL_FIRST = Convolution(16, 4, 2)
SMALL_HIDDEN = 128


class QNetwork(nn.Module, Generic[Config]):
    """Values of all actions at once, with the options that the update rule reads."""

    def __init__(self, shape: Shape, data: ActingData, config: Config) -> None:
        super().__init__()
        self.config = config
        self.data = data
        layers = pixel_layers(shape, data) if data.pixels else vector_layers(shape, data)
        self.layers = nn.Sequential(*layers)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, observations: Tensor) -> Float[Tensor, "batch actions"]:
        """Observations are bytes [batch, frames, height, width], which become 0 to 1, or numbers [batch, features]."""
        if not self.data.pixels:
            return self.layers(observations)  # type: ignore[no-any-return]
        first = cast(Tensor, self.layers[0].weight)
        return self.layers(scaled(observations, first.dtype))  # type: ignore[no-any-return]


def scaled(frames: Tensor, dtype: torch.dtype) -> Float[Tensor, "batch frames height width"]:
    """Bytes as numbers from 0 to 1, with the frames innermost in memory.

    One frame at a time: torch takes twice as long to turn all of them around at once.
    """
    numbers = torch.empty(frames.shape, dtype=dtype, device=frames.device, memory_format=torch.channels_last)
    for part, frame in zip(numbers.unbind(1), frames.unbind(1), strict=True):
        part.copy_(frame)
    return numbers.div_(BYTE)


def pixel_layers(shape: Shape, data: ActingData) -> list[nn.Module]:
    """Raises UsageError where the frames are too small for the convolutions."""
    channels, *sides = data.shape
    layers: list[nn.Module] = []
    for layer in shape.convolutions:
        if min(sides) < layer.size:
            height, width = data.shape[1:]
            raise UsageError(
                f"frames of {height}x{width} pixels leave {min(sides)} where a layer reads {layer.size}x{layer.size}; "
                "the published networks are made for 84x84; use larger frames, or dqn_sample_efficient from 24x24"
            )
        layers += [nn.Conv2d(channels, layer.channels, layer.size, layer.stride), nn.ReLU(inplace=True)]
        channels, sides = layer.channels, [(side - layer.size) // layer.stride + 1 for side in sides]
    return [*layers, nn.Flatten(), *dense_layers(channels * math.prod(sides), (shape.hidden,), shape, data, Dense)]


def vector_layers(shape: Shape, data: ActingData) -> list[nn.Module]:
    return dense_layers(math.prod(data.shape), VECTOR_WIDTHS, shape, data)


def dense_layers(
    inputs: int, widths: Sequence[int], shape: Shape, data: ActingData, linear: type[nn.Linear] = nn.Linear
) -> list[nn.Module]:
    """Hidden layers of the given widths, and one output an action."""
    layers: list[nn.Module] = []
    for width in widths:
        layers += [
            linear(inputs, width),
            *([nn.LayerNorm(width)] if shape.normalised else []),
            nn.ReLU(inplace=True),
        ]
        inputs = width
    return [*layers, nn.Linear(inputs, data.num_actions)]


def fitted_to_frames(shape: Shape, data: ActingData) -> Shape:
    """The shape with a finer first layer and half the hidden layer where frames are small."""
    if not data.pixels or min(data.shape[1:]) >= SMALL_FRAME:
        return shape
    return Shape(convolutions=(SMALL_FIRST, *shape.convolutions[1:]), hidden=SMALL_HIDDEN, normalised=shape.normalised)
