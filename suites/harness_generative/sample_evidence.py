"""What is kept of how extractors see samples and real images: arrays with one entry an image."""

from __future__ import annotations

from collections.abc import Mapping

from jaxtyping import Float
from torch import Tensor

from harness.interfaces import Array
from harness_generative.extractors import Extracted, Extractor
from harness_generative.neighbourhoods import neighbourhoods


def look(
    extractor: Extractor, real: Float[Tensor, "m c h w"], samples: Float[Tensor, "n c h w"], split: str
) -> tuple[Extracted, Extracted]:
    """What the extractor says of a split's images and of samples."""
    return extractor.extract(real, subject=f"{split} images"), extractor.extract(samples, subject="samples")


def seen(real: Extracted, generated: Extracted, name: str = "") -> dict[str, Array]:
    """`features` and `probabilities` of the samples, `real_features` of the real images; a name is added to each."""
    suffix = f"_{name.replace('-', '_')}" if name else ""
    return {
        f"features{suffix}": generated.features.numpy(),
        f"probabilities{suffix}": generated.probabilities.numpy(),
        f"real_features{suffix}": real.features.numpy(),
    }


def overlap(real: Extracted, generated: Extracted) -> Mapping[str, Array]:
    """`precision` and `density` of each sample, `recall` and `coverage` of each real image.

    Found at once, since the neighbourhoods of all four are the same.
    """
    found = neighbourhoods(real.features, generated.features)
    return {
        "precision": found.precision.numpy(),
        "density": found.density.numpy(),
        "recall": found.recall.numpy(),
        "coverage": found.coverage.numpy(),
    }
