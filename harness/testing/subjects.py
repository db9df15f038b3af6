"""Models under test: how one is built, what it reads, what it is trained to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from harness.configuration import parse_config
from harness.errors import PluginError
from harness.interfaces import DataDescription, ImageBatch, ImageData, Learner, TokenBatch, TokenData, Training
from harness.kernels.loading import load_kernels
from harness.planning.resolution import resolve_kernels
from harness.registry import Registry, load_registry
from harness.runtime.learning import DefaultClassifierLearner, DefaultTokenLearner
from harness.runtime.seeding import seeded
from harness.specs import ModelSpec

VOCAB, LENGTH = 11, 23
CLASSES, CHANNELS, SIDE = 7, 3, 16
BATCH = 3


class ContractViolation(AssertionError):
    """A model does not hold what its declaration promises."""


def expect(condition: bool, message: str) -> None:
    """Raises ContractViolation with the message unless the condition holds."""
    if not condition:
        raise ContractViolation(message)


class Subject(Protocol):
    """What the checks that all kinds of model share need to know."""

    spec: ModelSpec
    guessing: ClassVar[int]

    def build(self, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Module: ...
    def inputs(self, seed: int = 0) -> Tensor: ...
    def loss(self, outputs: Tensor) -> Tensor: ...
    def learner(self, module: nn.Module, training: Training, steps: int) -> tuple[Learner, Any]: ...


@dataclass(slots=True)
class TokenModel:
    """A token model under test: its declaration, its options, and the kernel that its ops run."""

    spec: ModelSpec
    options: Mapping[str, Any]
    registry: Registry
    kernel: str = "auto"
    guessing: ClassVar[int] = VOCAB

    def build(self, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Module:
        """The network from that seed, in evaluation mode. Kernels that take float32 only are built in float32."""
        return _build(self, TokenData(vocab=VOCAB, length=LENGTH), seed, dtype)

    def inputs(self, seed: int = 0) -> Tensor:
        return tokens(seed=seed)

    def loss(self, outputs: Tensor) -> Tensor:
        """Cross-entropy with targets that have nothing to do with the inputs."""
        return F.cross_entropy(outputs.flatten(0, 1), tokens(seed=1).flatten())

    def learner(self, module: nn.Module, training: Training, steps: int) -> tuple[Learner, TokenBatch]:
        """The default learner, and a batch to learn by heart."""
        learner = DefaultTokenLearner(module, training=training, steps=steps, groups=_groups(self, module))
        return learner, TokenBatch(inputs=tokens(12), targets=tokens(12, seed=1))


@dataclass(slots=True)
class ImageModel:
    """A classifier under test: its declaration, its options, and the kernel that its ops run."""

    spec: ModelSpec
    options: Mapping[str, Any]
    registry: Registry
    kernel: str = "auto"
    guessing: ClassVar[int] = CLASSES

    def build(self, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Module:
        """The network from that seed, in evaluation mode."""
        data = ImageData(num_classes=CLASSES, channels=CHANNELS, height=SIDE, width=SIDE)
        return _build(self, data, seed, dtype)

    def inputs(self, seed: int = 0) -> Tensor:
        return images(seed=seed)

    def loss(self, outputs: Tensor) -> Tensor:
        """Cross-entropy with classes that have nothing to do with the images."""
        return F.cross_entropy(outputs, torch.arange(BATCH) % CLASSES)

    def learner(self, module: nn.Module, training: Training, steps: int) -> tuple[Learner, ImageBatch]:
        """The default learner, and a batch to learn by heart."""
        learner = DefaultClassifierLearner(module, training=training, steps=steps, groups=_groups(self, module))
        return learner, ImageBatch(inputs=images().float(), targets=torch.arange(BATCH) % CLASSES)


def token_model(
    name: str, *, files: Sequence[Path] = (), options: Mapping[str, Any] | None = None, kernel: str = "auto"
) -> TokenModel:
    """The registered token model of that name, or one from a plugin file."""
    registry = load_registry(files)
    return TokenModel(registry.models[name].spec, options or {}, registry, kernel)


def image_model(
    name: str, *, files: Sequence[Path] = (), options: Mapping[str, Any] | None = None, kernel: str = "auto"
) -> ImageModel:
    """The registered classifier of that name, or one from a plugin file."""
    registry = load_registry(files)
    return ImageModel(registry.models[name].spec, options or {}, registry, kernel)


def tokens(length: int = LENGTH, seed: int = 0) -> Tensor:
    """Token ids [batch, length]."""
    return torch.randint(0, VOCAB, (BATCH, length), generator=torch.Generator().manual_seed(seed))


def images(count: int = BATCH, seed: int = 0) -> Tensor:
    """Standard normal images [count, channels, side, side] in float64."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, CHANNELS, SIDE, SIDE, generator=generator, dtype=torch.float64)


def outputs_of(module: nn.Module, inputs: Tensor) -> Tensor:
    """What the module makes of the inputs, without gradients, in the precision of its parameters."""
    with torch.no_grad():
        outputs: Tensor = module(fitted(module, inputs))
    return outputs


def fitted(module: nn.Module, inputs: Tensor) -> Tensor:
    """Images in the precision of the module's parameters; token ids as they are."""
    return inputs.to(next(module.parameters()).dtype) if inputs.is_floating_point() else inputs


def _build(model: TokenModel | ImageModel, data: DataDescription, seed: int, dtype: torch.dtype) -> nn.Module:
    kernels, reason = resolve_kernels(model.kernel, model.spec, "cpu", model.registry, "float64")
    if reason:
        raise PluginError(reason)
    config = parse_config(model.spec.config.load(), model.options, model.spec.name)
    with seeded(seed):
        module: nn.Module = model.spec.build.load()(config, data, load_kernels(kernels, model.registry))
    return module.to(dtype).eval()


def _groups(model: TokenModel | ImageModel, module: nn.Module) -> Any:
    return model.spec.parameter_groups.load()(module) if model.spec.parameter_groups is not None else ()
