"""A module's weights in safetensors files: every tensor is there, under a name that is known, or nothing is loaded."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from harness.errors import DataError, MissingDataError, UsageError

FILE = "model.safetensors"
INDEX = "model.safetensors.index.json"
LISTED = 20


def named_weights(module: nn.Module) -> dict[str, Tensor]:
    """The module's state; of tensors that are one, such as tied embeddings, the first name stands for all."""
    state = module.state_dict()
    return {names[0]: state[names[0]].contiguous() for names in _shared_names(module)}


def write_weights(tensors: Mapping[str, Tensor], path: Path) -> None:
    """One safetensors file."""
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path, metadata={"format": "pt"})


def find_weights(path: Path) -> list[Path]:
    """The safetensors files of a checkpoint, which is one file or a folder.

    Raises MissingDataError or DataError that says what was looked for.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise MissingDataError(f"{path}: there is no such file or folder; give a safetensors file or a folder with one")
    if (path / FILE).is_file():
        return [path / FILE]
    if not (path / INDEX).is_file():
        others = ", ".join(sorted(found.name for found in path.glob("*.bin"))[:3])
        there = f"; {others} may run code when it is read, so it is not" if others else ""
        raise MissingDataError(f"{path} has neither {FILE} nor {INDEX}{there}; give a folder with safetensors")
    try:
        names = set(json.loads((path / INDEX).read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path / INDEX} names no weight files ({error!r}); give an undamaged folder") from error
    for name in names:
        if Path(str(name)).name != name:
            raise DataError(f"{path / INDEX} names {name!r}, which lies outside the folder; give an undamaged one")
        if not (path / name).is_file():
            raise MissingDataError(f"{path} lacks {name}, which its index names; fetch all of its files")
    return [path / name for name in sorted(names)]


def read_weights(files: Iterable[Path]) -> dict[str, Tensor]:
    """All tensors of the files. Raises DataError for a file that is no safetensors file."""
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            tensors |= load_file(file)
        except (SafetensorError, OSError) as error:
            raise DataError(f"{file} is not a safetensors file: {error}; give an undamaged one") from error
    return tensors


def digest_of(files: Iterable[Path]) -> str:
    """Of the content of all files, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return digest.hexdigest()[:16]


def load_weights(module: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Put the tensors into the module.

    Raises UsageError, which lists them, for tensors that are missing, that the module does not have, whose shape is
    another, or that the module shares while there are different values of them.
    """
    found, wanted = dict(tensors), module.state_dict()
    missing: list[str] = []
    differing: list[str] = []
    for names in _shared_names(module):
        given = [name for name in names if name in found]
        if not given:
            missing.append(names[0])
        elif any(not torch.equal(found[given[0]], found[name]) for name in given):
            differing += given
        else:
            found.update(dict.fromkeys(names, found[given[0]]))
    problems = [
        _listed("missing", missing),
        _listed("unexpected", sorted(found.keys() - wanted.keys())),
        _listed("different though the model shares them", differing),
        _listed(
            "of another shape",
            [
                f"{name} {list(found[name].shape)} where the model has {list(wanted[name].shape)}"
                for name in sorted(found.keys() & wanted.keys())
                if found[name].shape != wanted[name].shape
            ],
        ),
    ]
    if any(problems):
        raise UsageError(
            f"{source} is not of this model: {'; '.join(filter(None, problems))}; "
            "give the options and the vocabulary that it was trained with"
        )
    module.load_state_dict(found, strict=True)


def _shared_names(module: nn.Module) -> list[list[str]]:
    """The names of the state, those of one tensor together."""
    groups: dict[int, list[str]] = {}
    for name, value in module.state_dict(keep_vars=True).items():
        groups.setdefault(id(value), []).append(name)
    return list(groups.values())


def _listed(what: str, names: Sequence[str]) -> str:
    if not names:
        return ""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{what}: {', '.join(names[:LISTED])}{more}"
