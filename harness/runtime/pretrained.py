"""Folders with a token model's configuration and weights: those that `transformers` writes, and our own.

A model whose declaration has a `CheckpointLayout` is kept so that `transformers` loads it, any other under the names of
its own module. In folders of ours `harness.json` says which model it is, with which options.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from torch import Tensor, nn

from harness.canonical import canonical_json
from harness.configuration import parse_config
from harness.errors import DataError, UsageError
from harness.interfaces import CheckpointLayout, TensorRule, TokenData
from harness.registry import Registry
from harness.runtime.context import TrialContext
from harness.runtime.weights import (
    FILE,
    digest_of,
    find_weights,
    load_weights,
    named_weights,
    read_weights,
    write_weights,
)
from harness.specs import ModelSpec

OURS, THEIRS = "harness.json", "config.json"
NUMBER = re.compile(r"(?<=\.)\d+(?=\.)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pretrained:
    """What a folder says of its model. `vocab` and `length` are None where it does not tell."""

    folder: Path
    model: str
    options: Mapping[str, Any]
    vocab: int | None
    length: int | None


def read_folder(folder: Path, registry: Registry, model: str = "") -> Pretrained:
    """The model of a folder, which must be `model` where that is given. Raises UsageError or DataError."""
    if (folder / OURS).is_file():
        found = _read_json(folder / OURS)
        try:
            read = Pretrained(
                folder=folder,
                model=str(found["model"]),
                options=dict(found["options"]),
                vocab=int(found["vocab"]),
                length=int(found["length"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{folder / OURS} lacks or damages {error}; save the model again") from error
    elif (folder / THEIRS).is_file():
        read = _of_their_config(folder, _read_json(folder / THEIRS), registry)
    else:
        raise UsageError(f"{folder} has neither {OURS} nor {THEIRS}; give a folder of one model, or its weights' file")
    if model and read.model != model:
        raise UsageError(f"{folder} holds a model {read.model}, not {model}; use name={read.model} or another folder")
    return read


def load_pretrained(module: nn.Module, config: BaseModel, spec: ModelSpec, path: Path) -> str:
    """Put a checkpoint's weights into the module and return their digest. A single file has our own names.

    Raises MissingDataError, DataError or UsageError; the last lists tensors that are missing or not expected.
    """
    files = find_weights(path)
    tensors = read_weights(files)
    if path.is_dir() and spec.checkpoints is not None:
        tensors = _to_ours(tensors, spec.checkpoints.load(), config, path)
    load_weights(module, tensors, str(path))
    return digest_of(files)


def save_pretrained(module: nn.Module, config: BaseModel, data: TokenData, spec: ModelSpec, folder: Path) -> None:
    """Write a folder that `read_folder` and `load_pretrained` take, and `transformers` where the model has a layout."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = named_weights(module)
    if spec.checkpoints is not None:
        layout: CheckpointLayout = spec.checkpoints.load()
        theirs = {"architectures": [layout.architecture], **layout.config(config, data)}
        (folder / THEIRS).write_text(json.dumps(theirs, indent=2) + "\n", encoding="utf-8")
        tensors = _to_theirs(tensors, layout.rules(config))
    ours = {
        "model": spec.name,
        "options": config.model_dump(mode="json"),
        "vocab": data.vocab,
        "length": data.length,
    }
    write_weights(tensors, folder / FILE)
    (folder / OURS).write_text(canonical_json(ours) + "\n", encoding="utf-8")


def kept_weights(context: TrialContext, module: nn.Module) -> dict[str, bytes]:
    """What `save_pretrained` writes of a trial's network, by name under `weights/`; of models of other data than tokens
    the weights alone."""
    data = context.task.describe()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if isinstance(data, TokenData):
            config = parse_config(context.model.config.load(), context.trial.model_options, context.trial.model)
            save_pretrained(module, config, data, context.model, folder)
        else:
            write_weights(named_weights(module), folder / FILE)
        return {f"weights/{file.name}": file.read_bytes() for file in sorted(folder.iterdir())}


def _of_their_config(folder: Path, config: Mapping[str, Any], registry: Registry) -> Pretrained:
    layouts = {spec.name: spec.checkpoints.load() for spec in registry.models.specs() if spec.checkpoints is not None}
    named = config.get("architectures") or []
    for model, layout in layouts.items():
        if layout.architecture in named:
            return Pretrained(
                folder=folder,
                model=model,
                options=layout.options(config),
                vocab=config.get("vocab_size"),
                length=config.get("max_position_embeddings"),
            )
    known = ", ".join(f"{layout.architecture} ({model})" for model, layout in layouts.items())
    found = ", ".join(map(str, named)) or "no architecture"
    raise UsageError(f"{folder / THEIRS} names {found}; these can be read: {known}")


def _to_ours(
    tensors: Mapping[str, Tensor], layout: CheckpointLayout, config: BaseModel, path: Path
) -> dict[str, Tensor]:
    rules = {rule.theirs: rule for rule in layout.rules(config)}
    ours: dict[str, Tensor] = {}
    unknown: list[str] = []
    for name, tensor in tensors.items():
        if name.endswith(layout.without_weights):
            continue
        rule = rules.get(NUMBER.sub("#", name, count=1))
        if rule is None:
            unknown.append(name)
        else:
            ours[_numbered(rule.ours, name)] = tensor if rule.to_ours is None else rule.to_ours(tensor)
    if unknown:
        shown = ", ".join(sorted(unknown)[:20]) + (f" and {len(unknown) - 20} more" if len(unknown) > 20 else "")
        raise UsageError(f"{path} holds tensors that a {layout.architecture} does not have: {shown}")
    return ours


def _to_theirs(tensors: Mapping[str, Tensor], rules: Sequence[TensorRule]) -> dict[str, Tensor]:
    by_name = {rule.ours: rule for rule in rules}
    theirs = {}
    for name, tensor in tensors.items():
        rule = by_name[NUMBER.sub("#", name, count=1)]
        theirs[_numbered(rule.theirs, name)] = tensor if rule.to_theirs is None else rule.to_theirs(tensor)
    return theirs


def _numbered(pattern: str, name: str) -> str:
    found = NUMBER.search(name)
    return pattern.replace("#", found[0]) if found is not None else pattern


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}; give the file as it was saved") from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds no object; give the file as it was saved")
    return content
