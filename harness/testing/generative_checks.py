"""What every generative model must hold, for each thing that it declares it can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.configuration import parse_config
from harness.errors import PluginError
from harness.interfaces import (
    BoundsLikelihood,
    Completes,
    CompletionBatch,
    DecodesLatents,
    GenerativeLearner,
    ImageBatch,
    ImageData,
    Reconstructs,
    SamplesImages,
    SamplesVideos,
    Training,
    VideoBatch,
    VideoData,
)
from harness.kernels.loading import load_kernels
from harness.planning.resolution import resolve_kernels
from harness.registry import Registry, load_registry
from harness.runtime.learning import DefaultGenerativeLearner
from harness.runtime.seeding import seeded
from harness.specs import Capability, ModelSpec
from harness.testing.subjects import ContractViolation, expect

IMAGES = ImageData(num_classes=10, channels=1, height=8, width=8)
VIDEOS = VideoData(num_classes=10, channels=1, frames=4, height=16, width=16)
IMAGE_SHAPE = (IMAGES.channels, IMAGES.height, IMAGES.width)
VIDEO_SHAPE = (VIDEOS.channels, VIDEOS.frames, VIDEOS.height, VIDEOS.width)
BATCH, SAMPLES, STEPS = 4, 3, 5


@dataclass(frozen=True, slots=True)
class GenerativeModel:
    """A generative model under test."""

    spec: ModelSpec
    options: Mapping[str, Any]
    registry: Registry

    @property
    def is_video(self) -> bool:
        return Capability.SAMPLES_VIDEO in self.spec.capabilities

    def build(self, seed: int = 0) -> nn.Module:
        """The network from that seed, in evaluation mode and float32."""
        kernels, reason = resolve_kernels("auto", self.spec, "cpu", self.registry)
        if reason:
            raise PluginError(reason)
        config = parse_config(self.spec.config.load(), self.options, self.spec.name)
        data = VIDEOS if self.is_video else IMAGES
        with seeded(seed):
            module: nn.Module = self.spec.build.load()(config, data, load_kernels(kernels, self.registry))
        return module.eval()

    def batch(self, seed: int = 0) -> ImageBatch | CompletionBatch | VideoBatch:
        """Binary images, which every likelihood takes, or clips."""
        generator = torch.Generator().manual_seed(seed)
        if self.is_video:
            clips = torch.rand(BATCH, *VIDEO_SHAPE, generator=generator)
            return VideoBatch(inputs=clips, targets=torch.arange(BATCH))
        images = (torch.rand(BATCH, *IMAGE_SHAPE, generator=generator) < 0.5).float()
        if Capability.COMPLETES in self.spec.capabilities:
            return CompletionBatch(inputs=images, observed=_half())
        return ImageBatch(inputs=images, targets=torch.arange(BATCH))

    def learner(self, module: nn.Module) -> GenerativeLearner:
        """The model's own learner, or the default one."""
        groups = self.spec.parameter_groups.load()(module) if self.spec.parameter_groups is not None else ()
        training = Training(learning_rate=1e-3, batch_size=BATCH)
        build = self.spec.learner.load() if self.spec.learner is not None else DefaultGenerativeLearner
        learner: GenerativeLearner = build(module, training=training, steps=STEPS, groups=groups, precision="float32")
        return learner


def generative_model(
    name: str, *, files: Sequence[Path] = (), options: Mapping[str, Any] | None = None
) -> GenerativeModel:
    """The registered generative model of that name, or one from a plugin file."""
    registry = load_registry(files)
    return GenerativeModel(registry.models[name].spec, options or {}, registry)


def check_training(model: GenerativeModel) -> None:
    """A few steps have finite losses, move every parameter that is trained, and give a network to ask."""
    module = model.build()
    before = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
    learner = model.learner(module)
    with seeded(0):
        for step in range(STEPS):
            losses = learner.train_step(model.batch(step))
            expect("loss" in losses, f"train_step returns {sorted(losses)}; it must return `loss`")
            for name, value in losses.items():
                expect(bool(torch.isfinite(value).all()), f"{name} is {float(value)} at step {step}")
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            expect(not torch.equal(parameter, before[name]), f"{STEPS} steps do not change {name}")
    expect(isinstance(learner.evaluated, nn.Module), "learner.evaluated is no nn.Module")


def check_seed(model: GenerativeModel) -> None:
    """Initialisation follows the seed, and a state dict carries the whole network."""
    first, again, other = model.build(), model.build(), model.build(seed=1)
    pairs = list(zip(first.state_dict().items(), again.state_dict().values(), strict=True))
    expect(all(torch.equal(a, b) for (_, a), b in pairs), "two networks of one seed differ")
    differs = any(
        not torch.equal(a, b) for a, b in zip(first.state_dict().values(), other.state_dict().values(), strict=True)
    )
    expect(differs, "networks of different seeds are equal: initialisation ignores the seed")
    other.load_state_dict(first.state_dict(), strict=True)


def check_samples(model: GenerativeModel) -> None:
    """Samples have the data's shape, lie between 0 and 1, and follow from the generator alone."""
    if Capability.SAMPLES_IMAGES not in model.spec.capabilities and not model.is_video:
        return
    network = _able(model, SamplesVideos if model.is_video else SamplesImages)
    shape = (SAMPLES, *(VIDEO_SHAPE if model.is_video else IMAGE_SHAPE))
    _follows_from_generator(lambda generator: network.sample(SAMPLES, generator))
    drawn = _quietly(lambda: network.sample(SAMPLES, _generator()))
    expect(tuple(drawn.shape) == shape, f"samples are {tuple(drawn.shape)}, not {shape}")
    _from_zero_to_one(drawn, "samples")


def check_prediction(model: GenerativeModel) -> None:
    """Predicted clips begin with the given frames and lie between 0 and 1."""
    if not model.is_video:
        return
    network = _able(model, SamplesVideos)
    batch = model.batch()
    given = batch.inputs[:, :, :2]
    clips = _quietly(lambda: network.predict(given, _generator()))
    expect(clips.shape == batch.inputs.shape, f"predicted clips are {tuple(clips.shape)}")
    error = float((clips[:, :, :2] - given).abs().max())
    expect(error < 1e-5, f"the given frames are changed by {error:.1e}")
    _from_zero_to_one(clips, "predicted clips")


def check_bounds(model: GenerativeModel) -> None:
    """Log weights are finite, one for each sample and image, and follow from the generator alone."""
    if Capability.BOUNDS_LIKELIHOOD not in model.spec.capabilities:
        return
    network, images = _able(model, BoundsLikelihood), model.batch().inputs
    _follows_from_generator(lambda generator: network.log_weights(images, SAMPLES, generator))
    weights = _quietly(lambda: network.log_weights(images, SAMPLES, _generator()))
    expect(tuple(weights.shape) == (SAMPLES, BATCH), f"log weights are {tuple(weights.shape)}")
    expect(bool(torch.isfinite(weights).all()), "a log weight is not finite")


def check_reconstruction(model: GenerativeModel) -> None:
    """Reconstructions have the images' shape, lie between 0 and 1, and are the same every time."""
    if Capability.RECONSTRUCTS not in model.spec.capabilities:
        return
    network, images = _able(model, Reconstructs), model.batch().inputs
    first, second = (_quietly(lambda: network.reconstruct(images)) for _ in range(2))
    expect(first.shape == images.shape, f"reconstructions are {tuple(first.shape)}")
    expect(torch.equal(first, second), "two reconstructions of the same images differ")
    _from_zero_to_one(first, "reconstructions")


def check_latents(model: GenerativeModel) -> None:
    """Quantiles of a prior decode to images from 0 to 1, the same every time and whatever else is in the batch."""
    network = model.build()
    if not isinstance(network, DecodesLatents):
        return
    points = torch.rand(BATCH, network.latent_size, generator=_generator(), dtype=torch.float64)
    state = torch.random.get_rng_state()
    with torch.no_grad():
        first, second = (network.decode_quantiles(points) for _ in range(2))
        alone = torch.cat([network.decode_quantiles(point[None]) for point in points])
    shape = (BATCH, *IMAGE_SHAPE)
    expect(tuple(first.shape) == shape, f"decoded quantiles are {tuple(first.shape)}, not {shape}")
    expect(torch.equal(first, second), "the same quantiles decode to different images")
    expect(torch.equal(state, torch.random.get_rng_state()), "decoding quantiles draws from the global generator")
    error = float((first - alone).abs().max())
    expect(error < 1e-5, f"the image of a quantile changes by {error:.1e} with the rest of its batch")
    _from_zero_to_one(first, "decoded quantiles")


def check_completion(model: GenerativeModel) -> None:
    """Completions keep what is observed; the hidden pixels' likelihood is finite by either proposal."""
    if Capability.COMPLETES not in model.spec.capabilities:
        return
    network, batch = _able(model, Completes), model.batch()
    assert isinstance(batch, CompletionBatch)
    _follows_from_generator(lambda generator: network.complete(batch, generator))
    whole = _quietly(lambda: network.complete(batch, _generator()))
    error = float(((whole - batch.inputs) * batch.observed).abs().max())
    expect(error == 0, f"observed pixels are changed by {error:.1e}")
    _from_zero_to_one(whole, "completions")
    for proposal in ("prior", "recognition"):
        with torch.no_grad():
            weights = network.conditional_log_weights(batch, SAMPLES, _generator(), proposal=proposal)
        expect(tuple(weights.shape) == (SAMPLES, BATCH), f"log weights by {proposal} are {tuple(weights.shape)}")
        expect(bool(torch.isfinite(weights).all()), f"a log weight by {proposal} is not finite")


CHECKS: Mapping[str, Callable[[GenerativeModel], None]] = {
    "training": check_training,
    "seed": check_seed,
    "samples": check_samples,
    "prediction": check_prediction,
    "bounds": check_bounds,
    "reconstruction": check_reconstruction,
    "latents": check_latents,
    "completion": check_completion,
}


def _half() -> Tensor:
    observed = torch.zeros(IMAGES.height, IMAGES.width)
    observed[:, : IMAGES.width // 2] = 1
    return observed


def _able(model: GenerativeModel, ability: type[Any]) -> Any:
    """The network, held to one of the protocols of `harness.interfaces`."""
    network = model.build()
    if not isinstance(network, ability):
        raise ContractViolation(f"{model.spec.name} is no {ability.__name__}, which its capabilities promise")
    return network


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _quietly(draw: Callable[[], Tensor]) -> Tensor:
    with torch.no_grad():
        return draw()


def _follows_from_generator(draw: Callable[[torch.Generator], Tensor]) -> None:
    with torch.no_grad():
        first = draw(_generator())
        state = torch.random.get_rng_state()
        second = draw(_generator())
    expect(torch.equal(first, second), "two draws from generators in the same state differ")
    expect(torch.equal(state, torch.random.get_rng_state()), "it draws from the global generator")


def _from_zero_to_one(images: Tensor, what: str) -> None:
    expect(bool(torch.isfinite(images).all()), f"{what} are not finite")
    low, high = float(images.min()), float(images.max())
    expect(low >= 0 and high <= 1, f"{what} run from {low:.3g} to {high:.3g}, not from 0 to 1")
