"""How another library keeps the weights of an architecture in files."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.interfaces.data import TokenData

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True, slots=True)
class TensorRule:
    """One weight under both names, in which `#` stands for a layer's number; without a turn it is the same tensor."""

    theirs: str
    ours: str
    to_ours: Callable[[Tensor], Tensor] | None = None
    to_theirs: Callable[[Tensor], Tensor] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointLayout:
    """The folder of a token model as `transformers` writes it: `config.json` and safetensors.

    `architecture` is what `config.json` calls it. `options(config)` gives the model's options for such a configuration
    and raises UsageError for one that the model does not have; `config(options, data)` is the way back, for the model's
    validated options. `rules(options)` are all weights; tensors whose names end as one of `without_weights` are none.
    """

    architecture: str
    options: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    config: Callable[[Any, TokenData], Mapping[str, Any]]
    rules: Callable[[Any], Sequence[TensorRule]]
    without_weights: tuple[str, ...] = ()
