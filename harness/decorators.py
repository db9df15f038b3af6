"""The short door: one decorated class is a model that takes part in every comparison it has the capability for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from harness.specs import Capability, ModelSpec, Ref, Source

if TYPE_CHECKING:
    from torch import nn

    Network = TypeVar("Network", bound=type[nn.Module])

DECLARED = "__harness_model__"


def model(
    *,
    name: str,
    summary: str = "",
    predicts_tokens: bool = False,
    steps_tokens: bool = False,
    classifies: bool = False,
    extracts_features: bool = False,
    reconstructs: bool = False,
    bounds_likelihood: bool = False,
    completes: bool = False,
    samples_images: bool = False,
    samples_video: bool = False,
    source: Source | None = None,
    sized_by: str | None = "d_model",
    size_multiple: int = 8,
) -> Callable[[Network], Network]:
    """Declare an `nn.Module` class as a model.

    A token model's constructor takes `vocab`, and `forward` maps tokens [batch, length] to logits
    [batch, length, vocab]. An image model's takes `num_classes` (and `channels`, `height`, `width` where it needs
    them), and `forward` maps images [batch, channels, height, width] to logits [batch, num_classes]. A generative
    model's takes `channels`, `height` and `width` (and `frames`), and has `loss(batch)` and the method of each
    capability (`harness.interfaces.abilities`). The keyword arguments with defaults become the model's options,
    typed by their annotation or default. Builds the same `ModelSpec` that a packaged plugin returns from its hook.
    """
    flags = {
        Capability.PREDICTS_TOKENS: predicts_tokens,
        Capability.STEPS_TOKENS: steps_tokens,
        Capability.CLASSIFIES: classifies,
        Capability.EXTRACTS_FEATURES: extracts_features,
        Capability.RECONSTRUCTS: reconstructs,
        Capability.BOUNDS_LIKELIHOOD: bounds_likelihood,
        Capability.COMPLETES: completes,
        Capability.SAMPLES_IMAGES: samples_images,
        Capability.SAMPLES_VIDEO: samples_video,
    }

    def declare(network: Network) -> Network:
        target = f"{network.__module__}:{network.__qualname__}"
        spec = ModelSpec(
            name=name,
            summary=summary or (network.__doc__ or "").strip().split("\n")[0],
            source=source,
            config=Ref("harness.runtime.signatures:config_of", of=target),
            build=Ref("harness.runtime.signatures:builder_of", of=target),
            capabilities=frozenset(capability for capability, flag in flags.items() if flag),
            sized_by=sized_by,
            size_multiple=size_multiple,
        )
        setattr(network, DECLARED, spec)
        return network

    return declare
