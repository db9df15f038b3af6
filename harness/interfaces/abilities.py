"""What a network can be asked, by capability."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from harness.interfaces.data import CompletionBatch

if TYPE_CHECKING:
    import torch
    from jaxtyping import Float, Int
    from torch import Tensor


@runtime_checkable
class StepsTokens(Protocol):
    """A token model that generates one token at a time from a state (capability STEPS_TOKENS)."""

    def initial_state(self, batch: int) -> Any:
        """A nested tuple, list or dict of tensors for `batch` empty sequences."""
        ...

    def step(self, tokens: Int[Tensor, " batch"], state: Any) -> tuple[Float[Tensor, "batch vocab"], Any]:
        """Read one token a sequence; return the logits after it and the new state. The old state is not kept."""
        ...


@runtime_checkable
class ReadsTokens(Protocol):
    """A model that steps and can begin with whole sequences at once; no capability asks for it."""

    def read(self, tokens: Int[Tensor, "batch length"]) -> tuple[Float[Tensor, "batch vocab"], Any]:
        """The logits after the last token, and the state there: what stepping through the tokens gives."""
        ...

    def join(self, states: Sequence[Any]) -> Any:
        """The state of all sequences of several batches, which may have read differently many tokens. The states are
        not used any more."""
        ...

    def select(self, state: Any, rows: Sequence[int]) -> Any:
        """The state of the sequences with these numbers, in that order; one that is named twice goes on in two ways.
        The state is not used any more."""
        ...


@runtime_checkable
class ExtractsFeatures(Protocol):
    """An image model whose last layer reads a vector that can be had (capability EXTRACTS_FEATURES)."""

    def features(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch features"]:
        """What the last, linear layer reads."""
        ...


@runtime_checkable
class GivesLoss(Protocol):
    """A model that says itself what it minimises; it draws from torch's global generator."""

    def loss(self, batch: Any) -> Tensor:
        """The mean over the batch, a scalar."""
        ...


@runtime_checkable
class BoundsLikelihood(Protocol):
    """A latent variable model of images (capability BOUNDS_LIKELIHOOD)."""

    def log_weights(
        self, images: Float[Tensor, "batch channels height width"], samples: int, generator: torch.Generator
    ) -> Float[Tensor, "samples batch"]:
        """log p(x, z) - log q(z | x) in nats, for `samples` draws of z from q(z | x).

        Their mean is the evidence lower bound, the logarithm of their exponentials' mean the importance-weighted one.
        """
        ...


@runtime_checkable
class Reconstructs(Protocol):
    """A model that encodes images and decodes them (capability RECONSTRUCTS)."""

    def reconstruct(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """The images after a pass through the code, from 0 to 1."""
        ...


@runtime_checkable
class SamplesImages(Protocol):
    """A model that draws images (capability SAMPLES_IMAGES)."""

    def sample(self, count: int, generator: torch.Generator) -> Float[Tensor, "count channels height width"]:
        """Images from 0 to 1. The generator is one of the CPU, so that every device draws the same."""
        ...


@runtime_checkable
class DecodesLatents(Protocol):
    """A model of images with independent latent variables under a known prior; no capability asks for it.

    A point drawn uniformly from the cube is a draw from the prior, a grid of the unit square is the manifold of two
    latent variables (Kingma & Welling 2013, figure 4), and a line between two points never leaves the prior's support.
    """

    @property
    def latent_size(self) -> int:
        """How many latent variables there are."""
        ...

    def decode_quantiles(
        self, points: Float[Tensor, "count latent_size"]
    ) -> Float[Tensor, "count channels height width"]:
        """The expected images, from 0 to 1, at the prior's quantiles.

        Each number, between 0 and 1 and neither of them, goes through the inverse distribution function of its latent
        variable. Points may lie on another device and be of another precision than the model.
        """
        ...


@runtime_checkable
class Completes(Protocol):
    """A conditional model of the hidden part of an image (capability COMPLETES)."""

    def complete(
        self, batch: CompletionBatch, generator: torch.Generator
    ) -> Float[Tensor, "batch channels height width"]:
        """One draw of each whole image, from 0 to 1; what is observed stands in it as it is."""
        ...

    def conditional_log_weights(
        self,
        batch: CompletionBatch,
        samples: int,
        generator: torch.Generator,
        *,
        proposal: Literal["prior", "recognition"],
    ) -> Float[Tensor, "samples batch"]:
        """log p(y | x, z) + log p(z | x) - log r(z) in nats over the hidden pixels y, for z drawn from r.

        r is the conditional prior p(z | x), whose terms cancel, or the recognition model q(z | x, y).
        """
        ...


@runtime_checkable
class SamplesVideos(Protocol):
    """A model that draws clips (capability SAMPLES_VIDEO)."""

    def sample(self, count: int, generator: torch.Generator) -> Float[Tensor, "count channels frames height width"]:
        """Clips from 0 to 1."""
        ...

    def predict(
        self, first: Float[Tensor, "batch channels given height width"], generator: torch.Generator
    ) -> Float[Tensor, "batch channels frames height width"]:
        """Clips that begin with the given frames."""
        ...
