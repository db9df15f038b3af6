"""Datasets are built once, kept under the digest of what was asked, and memory-mapped."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from harness.canonical import digest, source_digest
from harness.configuration import parse_config
from harness.errors import DataError
from harness.interfaces import Array, BuiltDataset, Dataset, DatasetRequest
from harness.registry import Registered, Registry, package_root
from harness.runtime.seeding import SeedStreams
from harness.specs import DatasetSpec, Tier

GENERATION_SEED = 0


def load_dataset(request: DatasetRequest, registry: Registry, cache: Path) -> Dataset:
    """The dataset with these options, built on first use. Two processes that ask at once build it once."""
    registered = registry.datasets[request.name]
    spec = registered.spec
    config = parse_config(spec.config.load(), request.options, spec.name)
    fingerprint = spec.fingerprint.load()(config) if spec.fingerprint is not None else ""
    key = digest(
        {
            "name": spec.name,
            "version": spec.version,
            "options": config.model_dump(mode="json"),
            "fingerprint": fingerprint,
            "source": _source(registered),
            "seed": GENERATION_SEED,
        }
    )
    folder = cache / "datasets" / f"{spec.name}-{key[:20]}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if not (folder / "meta.json").exists():
            with _locked(folder.with_suffix(".lock")):
                if not (folder / "meta.json").exists():
                    _build(spec, config, folder)
    except OSError as error:
        raise DataError(
            f"{spec.name}: the cache {cache} cannot be written: {error.strerror or error}; give another with --cache"
        ) from error
    return _open(spec, folder)


def _build(spec: DatasetSpec, config: Any, folder: Path) -> None:
    built: BuiltDataset = spec.build.load()(config, SeedStreams(GENERATION_SEED, spec.name))
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        total = hashlib.sha256()
        for split, arrays in sorted(built.splits.items()):
            counts = {len(array) for array in arrays.values()}
            if len(counts) != 1 or 0 in counts:
                raise DataError(f"{spec.name}: split {split} has arrays of {sorted(counts)} examples; all must agree")
            for name, array in sorted(arrays.items()):
                contiguous = np.ascontiguousarray(array)
                total.update(f"{split}.{name} {contiguous.dtype} {contiguous.shape}\0".encode())
                total.update(contiguous.data)
                np.save(temporary / f"{split}.{name}.npy", contiguous, allow_pickle=False)
        meta = {
            "tier": built.tier,
            "provenance": built.provenance,
            "facts": dict(built.facts),
            "digest": total.hexdigest(),
        }
        (temporary / "meta.json").write_text(json.dumps(meta, indent=1), encoding="utf-8")
        if folder.exists():
            shutil.rmtree(folder)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _open(spec: DatasetSpec, folder: Path) -> Dataset:
    try:
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        splits: dict[str, dict[str, Array]] = {}
        for file in sorted(folder.glob("*.npy")):
            split, name = file.stem.split(".", 1)
            splits.setdefault(split, {})[name] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError) as error:
        raise DataError(f"{spec.name}: the cached copy {folder} is damaged ({error}); delete that folder") from error
    return Dataset(
        name=spec.name,
        splits=splits,
        tier=Tier(meta["tier"]),
        provenance=meta["provenance"],
        licence=spec.licence,
        digest=meta["digest"],
        facts=_numbers(meta["facts"]),
    )


def _numbers(facts: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in facts.items()}


def _source(registered: Registered[DatasetSpec]) -> str:
    roots = [package_root(package) for package in registered.spec.shares]
    if registered.plugin.root is not None:
        roots.append(registered.plugin.root)
    return f"{registered.plugin.version} {source_digest(roots)}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
