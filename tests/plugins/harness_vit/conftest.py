"""What the tests of the Vision Transformer share: small models, and a random one of transformers to compare with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from transformers import ViTConfig as TheirConfig
from transformers import ViTForImageClassification

from harness.interfaces import ImageData
from harness_sequence.attention import fused
from harness_vit.builders import build
from harness_vit.config import ViTConfig
from harness_vit.model import VisionTransformer

Arrays = dict[str, NDArray[np.float32]]
D, HEADS = 24, 4
THEIRS = {
    "hidden_size": D,
    "num_hidden_layers": 3,
    "num_attention_heads": HEADS,
    "intermediate_size": 40,
    "image_size": 12,
    "patch_size": 4,
    "num_labels": 5,
    "layer_norm_eps": 1e-6,
}


@pytest.fixture
def vit() -> Callable[..., VisionTransformer]:
    """Builds a model from seed 0 for images of 3 channels and 5 classes."""

    def make(
        *, config: type[ViTConfig] = ViTConfig, side: int | tuple[int, int] = 8, num_classes: int = 5, **options: object
    ) -> VisionTransformer:
        height, width = (side, side) if isinstance(side, int) else side
        data = ImageData(num_classes=num_classes, channels=3, height=height, width=width)
        torch.manual_seed(0)
        return build(config.model_validate(options), data, {"attention": fused.attention})

    return make


@pytest.fixture(scope="session")
def theirs() -> nn.Module:
    """A classifier of transformers whose every parameter is random."""
    model = ViTForImageClassification(TheirConfig(**THEIRS)).eval()
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3, generator=generator)
    return model


@pytest.fixture(scope="session")
def sizes() -> dict[str, int]:
    """The options that make a model of `theirs`' size."""
    return {"d_model": D, "num_layers": 3, "num_heads": HEADS, "mlp_dim": 40}


@pytest.fixture
def safetensors(theirs: nn.Module, tmp_path: Path) -> str:
    """The weights of `theirs` as transformers writes them."""
    theirs.save_pretrained(tmp_path)
    return str(tmp_path / "model.safetensors")


@pytest.fixture
def arrays(theirs: nn.Module) -> Arrays:
    """The weights of `theirs` in the names and axes of the authors' files."""
    state = {name.removeprefix("vit."): tensor.numpy() for name, tensor in theirs.state_dict().items()}
    block = "Transformer/encoderblock"
    arrays = {
        "cls": state["embeddings.cls_token"],
        "Transformer/posembed_input/pos_embedding": state["embeddings.position_embeddings"],
        "embedding/kernel": state["embeddings.patch_embeddings.projection.weight"].transpose(2, 3, 1, 0),
        "embedding/bias": state["embeddings.patch_embeddings.projection.bias"],
        "Transformer/encoder_norm/scale": state["layernorm.weight"],
        "Transformer/encoder_norm/bias": state["layernorm.bias"],
        "head/kernel": state["classifier.weight"].T,
        "head/bias": state["classifier.bias"],
    }
    for i in range(3):
        here, attention = f"layers.{i}", f"{block}_{i}/MultiHeadDotProductAttention_1"
        for name, theirs_name in (("query", "q_proj"), ("key", "k_proj"), ("value", "v_proj")):
            weight, bias = (state[f"{here}.attention.{theirs_name}.{leaf}"] for leaf in ("weight", "bias"))
            arrays[f"{attention}/{name}/kernel"] = weight.T.reshape(D, HEADS, D // HEADS)
            arrays[f"{attention}/{name}/bias"] = bias.reshape(HEADS, D // HEADS)
        arrays[f"{attention}/out/kernel"] = state[f"{here}.attention.o_proj.weight"].T.reshape(HEADS, D // HEADS, D)
        arrays[f"{attention}/out/bias"] = state[f"{here}.attention.o_proj.bias"]
        for name, theirs_name in (("LayerNorm_0", "layernorm_before"), ("LayerNorm_2", "layernorm_after")):
            arrays[f"{block}_{i}/{name}/scale"] = state[f"{here}.{theirs_name}.weight"]
            arrays[f"{block}_{i}/{name}/bias"] = state[f"{here}.{theirs_name}.bias"]
        for name, theirs_name in (("Dense_0", "fc1"), ("Dense_1", "fc2")):
            arrays[f"{block}_{i}/MlpBlock_3/{name}/kernel"] = state[f"{here}.mlp.{theirs_name}.weight"].T
            arrays[f"{block}_{i}/MlpBlock_3/{name}/bias"] = state[f"{here}.mlp.{theirs_name}.bias"]
    return arrays


@pytest.fixture
def saved(tmp_path: Path) -> Callable[[Arrays], str]:
    """Writes arrays to an .npz and returns its path."""

    def save(arrays: Arrays) -> str:
        path = tmp_path / "saved.npz"
        np.savez(path, **arrays)
        return str(path)

    return save
