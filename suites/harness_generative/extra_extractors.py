"""The large networks that may look at samples besides the pinned classifier; their weights lie outside this package."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import torch

from harness.errors import DataError, MissingDataError
from harness_generative import efficientnet
from harness_generative.extractors import Extractor
from harness_generative.feature_widths import ExtraExtractor
from harness_generative.inception_network import FidInception

EFFICIENTNET_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
INCEPTION_FILE = "pt_inception-2015-12-05-6726825d.pth"
BATCH = 50


def check_extractor(name: ExtraExtractor, inception_weights: str) -> None:
    """Raises MissingDataError when a package or file is not here, DataError when the file is not the one it should be.

    It reads the weights once, so that a trial that could not be measured at its end does not begin.
    """
    if name == "efficientnet-lite0":
        efficientnet.architecture()
    _content(name, inception_weights)


def load_extra_extractor(name: ExtraExtractor, inception_weights: str, device: torch.device) -> Extractor:
    """The extractor of this name; `inception_weights` is the file of Inception's. Raises as `check_extractor` does."""
    content = _content(name, inception_weights)
    weights = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    # Without initial values, which would be drawn from the generator that training draws from.
    with torch.device("meta"):
        network = FidInception() if name == "inception" else efficientnet.efficientnet_lite0()
    target = network if isinstance(network, FidInception) else network.network
    target.load_state_dict(weights, assign=True)
    return Extractor(name, network, device, batch=BATCH)


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def _content(name: ExtraExtractor, inception_weights: str) -> bytes:
    if name == "inception":
        return _checked(Path(inception_weights), INCEPTION_SHA256, f"give the path of {INCEPTION_FILE}")
    return _checked(efficientnet.weights_file(), EFFICIENTNET_SHA256, f"{efficientnet.WAY_OUT} again")


def _checked(path: Path, sha256: str, way_out: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MissingDataError(f"{path} cannot be read ({error.strerror}); {way_out}") from error
    found = digest(content)
    if found != sha256:
        raise DataError(f"{path} has SHA-256 {found[:16]}...; {sha256[:16]}... is expected; {way_out}")
    return content
