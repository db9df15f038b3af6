"""Fixed networks that turn images into features and class probabilities; a metric's protocol names the one it used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from jaxtyping import Float
from safetensors.torch import load
from torch import Tensor

from harness.errors import DataError, PluginError, UsageError
from harness.interfaces import ImageData
from harness.registry import suggest
from harness_generative.extractor_network import FeatureNetwork, digits_network, fashion_network
from harness_generative.feature_widths import PINNED_WIDTH
from harness_generative.value_checks import check_pixels

WEIGHTS = Path(__file__).parent / "weights"
BATCH = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class ExtractorSpec:
    """A network, the images that it reads, the width of its features and the SHA-256 of its weights."""

    name: str
    network: Callable[[], FeatureNetwork]
    data: ImageData
    width: int
    sha256: str

    @property
    def weights(self) -> Path:
        """The file of weights in this package."""
        return WEIGHTS / f"{self.name}.safetensors"


EXTRACTORS: Mapping[str, ExtractorSpec] = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            ExtractorSpec(
                name="fashion-cnn-v1",
                network=fashion_network,
                data=ImageData(num_classes=10, channels=1, height=28, width=28),
                width=PINNED_WIDTH,
                sha256="30806fcaab82b6828293d8c2afd376f4130542153ff72fd050f725341f8ca22b",
            ),
            ExtractorSpec(
                name="digits-cnn-v1",
                network=digits_network,
                data=ImageData(num_classes=10, channels=1, height=8, width=8),
                width=PINNED_WIDTH,
                sha256="16b9da340a85ae6db56b54fbe8b5e6367effdac202d0631735e09ca31e846c93",
            ),
        )
    }
)
"""Every extractor whose weights lie in this package, by its name; new weights are a new name. Those whose weights lie
elsewhere are in `extra_extractors`."""

COLOURS = (1, 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Extracted:
    """What an extractor says of images: float32 features and float64 class probabilities, on the CPU."""

    features: Float[Tensor, "n d"]
    probabilities: Float[Tensor, "n classes"]


class Extractor:
    """A network with fixed weights, in evaluation mode and float32.

    It reads images as `data` says, or of any size and one channel or three; at most `batch` at a time.
    """

    def __init__(
        self,
        name: str,
        network: FeatureNetwork,
        device: torch.device,
        *,
        data: ImageData | None = None,
        batch: int = BATCH,
    ) -> None:
        self.name = name
        self._device = device
        self._data = data
        self._batch = batch
        self._network = network.eval().requires_grad_(False).to(device)

    def extract(self, images: Float[Tensor, "n c h w"], *, subject: str = "images") -> Extracted:
        """Features and probabilities of images from 0 to 1.

        Raises PluginError that names the subject when the images are of another size or scale, Diverged when a pixel
        is not finite.
        """
        check_pixels(images, subject)
        self._check_size(images, subject)
        features, logits = [], []
        with torch.no_grad(), torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            for batch in images.split(self._batch):
                features.append(self._network.features(batch.to(self._device, torch.float32)))
                logits.append(self._network.classify(features[-1]))
        return Extracted(
            features=torch.cat(features).cpu(),
            probabilities=torch.cat(logits).cpu().double().softmax(dim=1),
        )

    def _check_size(self, images: Tensor, subject: str) -> None:
        if self._data is None:
            if images.shape[1] not in COLOURS:
                raise PluginError(
                    f"{subject} are {list(images.shape)}; {self.name} reads 1 or 3 channels; give grey or RGB images"
                )
        elif tuple(images.shape[1:]) != (self._data.channels, self._data.height, self._data.width):
            expected = f"[N, {self._data.channels}, {self._data.height}, {self._data.width}]"
            raise PluginError(
                f"{subject} are {list(images.shape)}; {self.name} reads {expected}; "
                "take the extractor of the dataset that the model was built for"
            )


def load_extractor(name: str, device: torch.device | None = None) -> Extractor:
    """The extractor of this name, on the CPU unless a device is given.

    Raises UsageError for an unknown name, DataError when its weights are missing or not those that the name means.
    """
    if name not in EXTRACTORS:
        raise UsageError(f"there is no extractor {name!r}; {suggest(name, EXTRACTORS)}")
    spec = EXTRACTORS[name]
    # Without initial values, which would be drawn from the generator that training draws from.
    with torch.device("meta"):
        network = spec.network()
    network.load_state_dict(read_weights(spec.weights, spec.sha256), assign=True)
    return Extractor(name, network, device or torch.device("cpu"), data=spec.data)


def read_weights(path: Path, sha256: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file. Raises DataError when it cannot be read or its SHA-256 is another."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); the extractor's weights come with the package; install it again"
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise DataError(
            f"{path} has SHA-256 {found[:16]}...; {sha256[:16]}... is expected; the file was changed or cut short; "
            "install the package again, or give weights of your own a new name"
        )
    return load(content)
