"""The network from its options, with the weights of a checkpoint where one is given."""

from __future__ import annotations

from pathlib import Path

from harness.interfaces import ImageData, Kernels
from harness_vit.checkpoint import load_checkpoint
from harness_vit.config import ViTConfig
from harness_vit.model import VisionTransformer


def build(config: ViTConfig, data: ImageData, kernels: Kernels) -> VisionTransformer:
    """The network for images of `data`, with the checkpoint's weights where one is given."""
    model = VisionTransformer(config, data, kernels["attention"])
    if config.checkpoint:
        load_checkpoint(model, config, data, Path(config.checkpoint))
    return model
