"""How checkpoints name and lay out weights, and the one form that all of them are brought to.

That form has the names of `VisionTransformer`'s parameters, except that queries, keys and values are apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from harness.errors import DataError

Convert = Callable[[Tensor], Tensor]
BLOCK = re.compile(r"(?<=encoderblock_)\d+|(?<=layer\.)\d+|(?<=layers\.)\d+")


@dataclass(frozen=True, slots=True)
class Rule:
    """Where a weight with that many axes goes, and how it is turned."""

    name: str
    dims: int
    convert: Convert


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """A checkpoint's weights in the common form; `num_heads` where the file tells."""

    tensors: Mapping[str, Tensor]
    num_heads: int | None = None

    @property
    def num_layers(self) -> int:
        """One more than the highest block's number."""
        return 1 + max((int(name.split(".")[1]) for name in self.tensors if name.startswith("blocks.")), default=-1)


def from_npz(tensors: Mapping[str, Tensor], path: Path) -> Weights:
    """Weights of the authors' layout: convolutions [height, width, in, out], linear maps [in, out], heads apart.

    Raises DataError that names the weights which no Vision Transformer has.
    """
    num_heads = next(
        (x.shape[1] for name, x in tensors.items() if name.endswith("/query/kernel") and x.dim() == 3), None
    )
    return Weights(tensors=_translate(tensors, NPZ, path), num_heads=num_heads)


def from_safetensors(tensors: Mapping[str, Tensor], path: Path) -> Weights:
    """Weights as transformers names them in files and, since its version 5, in memory; with or without `vit.` in front.

    Raises DataError that names the weights which no Vision Transformer has.
    """
    return Weights(tensors=_translate(tensors, TRANSFORMERS, path))


def _translate(tensors: Mapping[str, Tensor], rules: Mapping[str, Rule], path: Path) -> dict[str, Tensor]:
    translated: dict[str, Tensor] = {}
    unknown: list[str] = []
    for source, tensor in tensors.items():
        number = BLOCK.search(source)
        rule = rules.get(BLOCK.sub("#", source.removeprefix("vit.")))
        if rule is None:
            unknown.append(source)
            continue
        if tensor.dim() != rule.dims:
            raise DataError(
                f"{path}: {source} has the shape {tuple(tensor.shape)}; it has {rule.dims} axes in a Vision "
                "Transformer; give an undamaged file"
            )
        name = rule.name.replace("#", number[0] if number else "")
        if name in translated:
            raise DataError(f"{path}: {source} comes twice, under two names; every weight has one; keep one of them")
        translated[name] = rule.convert(tensor)
    if unknown:
        raise DataError(
            f"{path} holds {listed(unknown)}; a Vision Transformer for classification has no such weights; give a "
            "checkpoint of one"
        )
    return translated


def listed(names: list[str]) -> str:
    """The first few names, and how many more there are."""
    shown = ", ".join(sorted(names)[:6])
    return shown if len(names) <= 6 else f"{shown} and {len(names) - 6} more"


def _same(x: Tensor) -> Tensor:
    return x


def _transposed(x: Tensor) -> Tensor:
    return x.T


def _filters_first(x: Tensor) -> Tensor:
    return x.permute(3, 2, 0, 1)


def _from_heads(x: Tensor) -> Tensor:
    return x.flatten(0, 1).T


def _to_heads(x: Tensor) -> Tensor:
    return x.flatten(1).T


def _flat(x: Tensor) -> Tensor:
    return x.flatten()


def _rows(x: Tensor) -> Tensor:
    return x.flatten(0, 1)


def _norm_npz(source: str, name: str) -> dict[str, Rule]:
    return {
        f"{source}/scale": Rule(f"{name}.weight", 1, _same),
        f"{source}/bias": Rule(f"{name}.bias", 1, _same),
    }


def _layer_npz(source: str, name: str, dims: int = 2, convert: Convert = _transposed) -> dict[str, Rule]:
    return {
        f"{source}/kernel": Rule(f"{name}.weight", dims, convert),
        f"{source}/bias": Rule(f"{name}.bias", 1, _same),
    }


def _heads_npz(source: str, name: str) -> dict[str, Rule]:
    return {
        f"{source}/kernel": Rule(f"{name}.weight", 3, _to_heads),
        f"{source}/bias": Rule(f"{name}.bias", 2, _flat),
    }


NPZ_BLOCK = "Transformer/encoderblock_#"
NPZ_ATTENTION = f"{NPZ_BLOCK}/MultiHeadDotProductAttention_1"
NPZ: Mapping[str, Rule] = {
    "cls": Rule("class_token", 3, _flat),
    "Transformer/posembed_input/pos_embedding": Rule("positions.table", 3, _rows),
    **_layer_npz("embedding", "embedding.projection", 4, _filters_first),
    **_norm_npz(f"{NPZ_BLOCK}/LayerNorm_0", "blocks.#.attention_norm"),
    **_heads_npz(f"{NPZ_ATTENTION}/query", "blocks.#.attention.query"),
    **_heads_npz(f"{NPZ_ATTENTION}/key", "blocks.#.attention.key"),
    **_heads_npz(f"{NPZ_ATTENTION}/value", "blocks.#.attention.value"),
    **_layer_npz(f"{NPZ_ATTENTION}/out", "blocks.#.attention.out", 3, _from_heads),
    **_norm_npz(f"{NPZ_BLOCK}/LayerNorm_2", "blocks.#.mlp_norm"),
    **_layer_npz(f"{NPZ_BLOCK}/MlpBlock_3/Dense_0", "blocks.#.mlp.up"),
    **_layer_npz(f"{NPZ_BLOCK}/MlpBlock_3/Dense_1", "blocks.#.mlp.down"),
    **_norm_npz("Transformer/encoder_norm", "norm"),
    **_layer_npz("pre_logits", "pre_logits"),
    **_layer_npz("head", "head"),
}


def _transformers(source: str, name: str, dims: int = 2) -> dict[str, Rule]:
    return {
        f"{source}.weight": Rule(f"{name}.weight", dims, _same),
        f"{source}.bias": Rule(f"{name}.bias", 1, _same),
    }


# What transformers writes to files, and what its modules are called since version 5.
IN_FILES, IN_MEMORY = "encoder.layer.#", "layers.#"
TRANSFORMERS: Mapping[str, Rule] = {
    "embeddings.cls_token": Rule("class_token", 3, _flat),
    "embeddings.position_embeddings": Rule("positions.table", 3, _rows),
    **_transformers("embeddings.patch_embeddings.projection", "embedding.projection", 4),
    **_transformers(f"{IN_FILES}.layernorm_before", "blocks.#.attention_norm", 1),
    **_transformers(f"{IN_MEMORY}.layernorm_before", "blocks.#.attention_norm", 1),
    **_transformers(f"{IN_FILES}.attention.attention.query", "blocks.#.attention.query"),
    **_transformers(f"{IN_MEMORY}.attention.q_proj", "blocks.#.attention.query"),
    **_transformers(f"{IN_FILES}.attention.attention.key", "blocks.#.attention.key"),
    **_transformers(f"{IN_MEMORY}.attention.k_proj", "blocks.#.attention.key"),
    **_transformers(f"{IN_FILES}.attention.attention.value", "blocks.#.attention.value"),
    **_transformers(f"{IN_MEMORY}.attention.v_proj", "blocks.#.attention.value"),
    **_transformers(f"{IN_FILES}.attention.output.dense", "blocks.#.attention.out"),
    **_transformers(f"{IN_MEMORY}.attention.o_proj", "blocks.#.attention.out"),
    **_transformers(f"{IN_FILES}.layernorm_after", "blocks.#.mlp_norm", 1),
    **_transformers(f"{IN_MEMORY}.layernorm_after", "blocks.#.mlp_norm", 1),
    **_transformers(f"{IN_FILES}.intermediate.dense", "blocks.#.mlp.up"),
    **_transformers(f"{IN_MEMORY}.mlp.fc1", "blocks.#.mlp.up"),
    **_transformers(f"{IN_FILES}.output.dense", "blocks.#.mlp.down"),
    **_transformers(f"{IN_MEMORY}.mlp.fc2", "blocks.#.mlp.down"),
    **_transformers("layernorm", "norm", 1),
    **_transformers("pooler.dense", "pre_logits"),
    **_transformers("classifier", "head"),
}
