"""What data are: what a model is built for, what a dataset holds, what a batch is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np

from harness.specs import Tier

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float, Int
    from torch import Tensor

Array: TypeAlias = np.ndarray[Any, np.dtype[Any]]

IGNORE = -100


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenData:
    """What a token model is built for: ids `0..vocab-1` in and out, sequences of at most `length` tokens."""

    vocab: int
    length: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageData:
    """What an image model is built for: images [channels, height, width] in, one of `num_classes` out."""

    num_classes: int
    channels: int
    height: int
    width: int


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoData:
    """What a video model is built for: clips [channels, frames, height, width] of one of `num_classes`."""

    num_classes: int
    channels: int
    frames: int
    height: int
    width: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ActingData:
    """What an agent is built for: observations of `shape`, and one of `num_actions` actions in answer.

    With `pixels` an observation is the last frames, the newest last, in uint8 [frames, height, width]; else it is
    float32 numbers [features].
    """

    num_actions: int
    shape: tuple[int, ...]
    pixels: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class OpData:
    """What an op that runs alone is built for: inputs of `length`; whatever else they are is the model's option."""

    length: int


DataDescription: TypeAlias = TokenData | ImageData | VideoData | ActingData | OpData


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetRequest:
    """Which dataset a task needs, with the options for it."""

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class BuiltDataset:
    """What a dataset's builder returns: for each split the named arrays, all with examples along the first axis."""

    splits: Mapping[str, Mapping[str, Array]]
    tier: Tier
    provenance: str
    facts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dataset:
    """A dataset read back from the cache; arrays are memory-mapped and read-only."""

    name: str
    splits: Mapping[str, Mapping[str, Array]]
    tier: Tier
    provenance: str
    licence: str
    digest: str
    facts: Mapping[str, float]


class Streams(Protocol):
    """Named random streams of one seed: a name always gives the same stream, different names independent ones."""

    def numpy(self, name: str) -> np.random.Generator: ...
    def torch(self, name: str) -> torch.Generator: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenBatch:
    """A batch of token sequences.

    `targets` is [batch, length] with IGNORE where nothing is scored, or [batch] when one class is read from the mean
    of the outputs over the sequence. `lengths` counts the real tokens of right-padded sequences.
    """

    inputs: Int[Tensor, "batch length"]
    targets: Int[Tensor, "batch length"] | Int[Tensor, " batch"]
    lengths: Int[Tensor, " batch"] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageBatch:
    """A batch of images: for classifiers standardised as the task says, for generative models from 0 to 1.

    `targets` are classes [batch], or their probabilities [batch, classes] where images are mixed.
    """

    inputs: Float[Tensor, "batch channels height width"]
    targets: Int[Tensor, " batch"] | Float[Tensor, "batch classes"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionBatch:
    """Images from 0 to 1 of which a part is hidden: `observed` is 1 where a pixel is given, 0 where it is asked for."""

    inputs: Float[Tensor, "batch channels height width"]
    observed: Float[Tensor, "height width"]


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoBatch:
    """A batch of clips from 0 to 1 with their classes."""

    inputs: Float[Tensor, "batch channels frames height width"]
    targets: Int[Tensor, " batch"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ObservationBatch:
    """A batch of what an agent sees; pixels are bytes."""

    inputs: Float[Tensor, "batch features"] | Int[Tensor, "batch frames height width"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Transitions:
    """What one step of several environments led to; every array has one entry an environment.

    `rewards` are the game's own, not clipped. `terminated` says that the state after it has no future (which a
    protocol may also say of a lost life), `truncated` that a limit cut the episode; `restarted` that the next
    observation the agent gets is the first of another episode, which alone says that an episode was left unfinished.
    `next_observations` are what the action led to: of an episode that ended its last, never the first of the next.
    """

    observations: Array
    actions: Array
    rewards: Array
    terminated: Array
    truncated: Array
    restarted: Array
    next_observations: Array
