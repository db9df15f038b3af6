"""Starts a Vision Transformer from published weights: reads them, and fits positions and head to the task."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from harness.errors import DataError, MissingDataError, UsageError
from harness.interfaces import ImageData
from harness_vit.config import ViTConfig
from harness_vit.layouts import Weights, from_npz, from_safetensors, listed
from harness_vit.model import VisionTransformer
from harness_vit.positions import Grid, SequencePositions, resample

HEAD = {"head.weight", "head.bias"}
HIDDEN_HEAD = {"pre_logits.weight", "pre_logits.bias"}


def load_checkpoint(model: VisionTransformer, config: ViTConfig, data: ImageData, path: Path) -> None:
    """Replace the model's weights by those of the file.

    Positions are resampled where the grid differs. The head is the file's where it has as many classes and reads the
    same features, else it starts at zero. A hidden head layer that the model lacks is left out, as in fine-tuning.

    Raises MissingDataError without the file, DataError where it is damaged or no Vision Transformer's, UsageError where
    it is of another size or variant.
    """
    weights = read_weights(path)
    _check_sizes(weights, config, data, path)
    _check_variant(weights, config, path)
    tensors = dict(weights.tensors)
    takes_head = _takes_head(tensors, config, data)
    if not takes_head:
        nn.init.zeros_(model.head.weight)
        nn.init.zeros_(model.head.bias)
    parameters = dict(_parts(model))
    expected = parameters.keys() - (set() if takes_head else HEAD)
    if absent := expected - tensors.keys():
        raise DataError(
            f"{path} lacks {listed(list(absent))}; a Vision Transformer has these weights; give a whole one"
        )
    tensors["positions.table"] = _fitted_positions(tensors["positions.table"], model, path)
    with torch.no_grad():
        for name in sorted(expected):
            found, parameter = tensors[name], parameters[name]
            if found.shape != parameter.shape:
                raise DataError(
                    f"{path}: {name} has the shape {tuple(found.shape)}; the other weights ask for "
                    f"{tuple(parameter.shape)}; give an undamaged file"
                )
            parameter.copy_(found)


def read_weights(path: Path) -> Weights:
    """The file's weights under common names. Raises MissingDataError or DataError that names the file."""
    if not path.is_file():
        raise MissingDataError(
            f"{path} is no file; a checkpoint is the authors' .npz (such as ViT-B_16.npz) or model.safetensors as "
            "transformers writes it; fetch one and give its path as `checkpoint`, relative to the working directory"
        )
    try:
        if path.suffix == ".npz":
            return from_npz(_read_npz(path), path)
        return from_safetensors(_read_safetensors(path), path)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, SafetensorError) as error:
        raise DataError(f"{path} cannot be read as a checkpoint ({error}); give an undamaged file") from error


def _read_npz(path: Path) -> dict[str, Tensor]:
    # numpy leaves a file open that it fails to read.
    with path.open("rb") as file:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ValueError("it holds a single array")
        arrays = {name: archive[name] for name in archive.files}
    for name, array in arrays.items():
        _check_floating(np.issubdtype(array.dtype, np.floating), name, array.dtype, path)
    return {name: torch.from_numpy(array.astype(np.float32)) for name, array in arrays.items()}


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    tensors = load_file(path)
    for name, tensor in tensors.items():
        _check_floating(tensor.is_floating_point(), name, tensor.dtype, path)
    return {name: tensor.float() for name, tensor in tensors.items()}


def _check_floating(is_floating: bool, name: str, dtype: object, path: Path) -> None:
    if not is_floating:
        raise DataError(f"{path}: {name} is {dtype}; weights are floating-point numbers; give another file")


def _check_sizes(weights: Weights, config: ViTConfig, data: ImageData, path: Path) -> None:
    embedding = weights.tensors.get("embedding.projection.weight")
    if embedding is None:
        raise DataError(f"{path} has no embedding of patches; a Vision Transformer has one; give a checkpoint of one")
    sizes = {
        "d_model": (embedding.shape[0], config.d_model),
        "num_layers": (weights.num_layers, config.num_layers),
        "patch_size": (embedding.shape[2], config.patch_size),
        "channels": (embedding.shape[1], data.channels),
    }
    if weights.num_heads is not None:
        sizes["num_heads"] = (weights.num_heads, config.num_heads)
    if (up := weights.tensors.get("blocks.0.mlp.up.weight")) is not None:
        sizes["mlp_dim"] = (up.shape[0], config.d_hidden)
    wrong = {name: pair for name, pair in sizes.items() if pair[0] != pair[1]}
    if not wrong:
        return
    found = ", ".join(f"{name}={pair[0]}" for name, pair in wrong.items())
    given = ", ".join(f"{name}={pair[1]}" for name, pair in wrong.items())
    ways = [f"{name}={pair[0]}" for name, pair in wrong.items() if name != "channels"]
    ways += [f"images of {embedding.shape[1]} channels"] if "channels" in wrong else []
    raise UsageError(
        f"{path} is of {found}, the model of {given}; the sizes of a checkpoint are those of its model; use "
        f"{', '.join(ways)}, or another checkpoint"
    )


def _check_variant(weights: Weights, config: ViTConfig, path: Path) -> None:
    has_class_token = "class_token" in weights.tensors
    if has_class_token and config.pool == "mean":
        raise UsageError(
            f"{path} has a class token and pool=mean has none; a checkpoint is used with the pool that it was trained "
            "with; use pool=class_token"
        )
    if not has_class_token and config.pool == "class_token":
        raise UsageError(
            f"{path} has no class token; pool=class_token reads one; use pool=mean, or a checkpoint with a class token"
        )
    if config.hidden_head and not HIDDEN_HEAD & weights.tensors.keys():
        raise UsageError(
            f"{path} has no hidden head layer; hidden_head=true takes it from the checkpoint; use hidden_head=false"
        )


def _takes_head(tensors: dict[str, Tensor], config: ViTConfig, data: ImageData) -> bool:
    reads_hidden = bool(HIDDEN_HEAD & tensors.keys())
    weight = tensors.get("head.weight")
    return weight is not None and len(weight) == data.num_classes and reads_hidden == config.hidden_head


def _parts(model: nn.Module) -> list[tuple[str, Tensor]]:
    """The model's parameters, with queries, keys and values as parts of what holds all three."""
    parts: list[tuple[str, Tensor]] = []
    for name, parameter in model.named_parameters():
        before, joint, after = name.partition("qkv")
        if joint:
            thirds = zip(("query", "key", "value"), parameter.detach().chunk(3), strict=True)
            parts += [(f"{before}{part}{after}", third) for part, third in thirds]
        else:
            parts.append((name, parameter))
    return parts


def _fitted_positions(table: Tensor, model: VisionTransformer, path: Path) -> Tensor:
    assert isinstance(model.positions, SequencePositions)
    grid: Grid = model.embedding.grid
    num_front = 0 if model.class_token is None else 1
    num_patches = len(table) - num_front
    side = math.isqrt(max(num_patches, 0))
    if num_patches > 0 and side * side == num_patches:
        return torch.cat((table[:num_front], resample(table[num_front:], (side, side), grid)))
    if num_patches == grid[0] * grid[1]:
        return table
    raise DataError(
        f"{path} has positions of {num_patches} patches, which are no square, and the image has {grid[0]}x{grid[1]}; "
        "positions are resampled from square images; use images of the checkpoint's own size"
    )
