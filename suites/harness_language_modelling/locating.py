"""Which YAML file a name of an lm-eval task means, without reading the thousands that lm-eval brings."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from harness.canonical import canonical_json
from harness.errors import DataError, UnsupportedError, UsageError
from harness.planning.resolution import not_installed
from harness.registry import suggest

BUNDLED = Path(__file__).parent / "bundled"
SUFFIX = ".yaml"
LOCAL_FORMATS = frozenset({"json", "csv", "parquet", "text", "arrow"})


@dataclass(frozen=True, kw_only=True, slots=True)
class LocatedTask:
    """An lm-eval task: its file, its configuration without functions, and what its results depend on.

    `digest` is of the configuration, of local documents and of the Python files beside it; `fetches` is the data set
    of a hub that it reads, or "".
    """

    name: str
    file: Path
    config: Mapping[str, Any]
    version: str
    digest: str
    fetches: str


@lru_cache(maxsize=64)
def locate(name: str) -> LocatedTask:
    """The task of that name: a file, a task of a folder (`FOLDER/NAME`), one of this package, or one of lm-eval's own.

    Raises UsageError with the nearest names, UnsupportedError without lm-eval, DataError for a file that is no task.
    """
    if missing := not_installed(("lm_eval",), f"task=lm_eval:{name}"):
        raise UnsupportedError(missing)
    path = Path(name)
    if path.suffix == SUFFIX:
        if not path.is_file():
            raise UsageError(f"task=lm_eval:{name}: there is no such file; give the YAML file of one task")
        return _read(path.resolve())
    if path.parent != Path():
        if not path.parent.is_dir():
            raise UsageError(f"task=lm_eval:{name}: there is no folder {path.parent}; give FOLDER/NAME or FILE.yaml")
        return _read(_find(path.name, path.parent.resolve()))
    try:
        return _read(_find(name, BUNDLED))
    except UsageError:
        return _read(_find(name, _brought_by_lm_eval()))


def _find(name: str, folder: Path) -> Path:
    """By the file's name, else by what stands in the files."""
    files = list(_yaml_files(folder))
    named = [file for file in files if file.stem == name]
    declares = re.compile(rb"^task:\s*[\"']?" + re.escape(name.encode()) + rb"[\"']?\s*(#.*)?$", re.MULTILINE)
    for file in [*named, *files]:
        if declares.search(file.read_bytes()) or (file in named and _as_json_task(file) == name):
            return file
    known = [file.stem for file in files if not file.stem.startswith("_")]
    raise UsageError(f"lm-eval has no task {name!r} in {folder.name}/; {suggest(name, known)}")


def _as_json_task(file: Path) -> str | None:
    """What a file of another style than one entry a line calls its task."""
    from lm_eval.tasks._yaml_loader import load_yaml

    found = load_yaml(file, resolve_func=False).get("task")
    return found if isinstance(found, str) else None


def _yaml_files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders.sort()
        yield from (Path(place, name) for name in sorted(files) if name.endswith(SUFFIX))


def _brought_by_lm_eval() -> Path:
    import lm_eval.tasks

    return Path(lm_eval.tasks.__file__).parent


def _read(file: Path) -> LocatedTask:
    from lm_eval.tasks._yaml_loader import load_yaml
    from yaml import YAMLError

    try:
        config = load_yaml(file, resolve_func=False)
    except (YAMLError, OSError, ValueError) as error:
        raise DataError(f"{file} is not the YAML file of an lm-eval task: {error}") from error
    name = config.get("task")
    if not isinstance(name, str):
        raise UsageError(f"{file} declares a group and no single task; name its tasks one by one")
    kwargs = config.get("dataset_kwargs") or {}
    local = _local_files(kwargs.get("data_files"))
    lacking = [path for path in local if not path.is_file()]
    if lacking:
        raise DataError(f"{file} reads {lacking[0]}, which is not there; correct data_files (absolute paths)")
    digest = hashlib.sha256(canonical_json(_without_folder(config, file.parent)).encode())
    for path in [*local, *sorted(file.parent.glob("*.py"))]:
        digest.update(path.read_bytes())
    source = str(config.get("dataset_path") or "")
    generated = "custom_dataset" in config
    fetched = "" if generated or (source in LOCAL_FORMATS and local) else source
    return LocatedTask(
        name=name,
        file=file,
        config=config,
        version=str((config.get("metadata") or {}).get("version", "unknown")),
        digest=digest.hexdigest()[:16],
        fetches=fetched,
    )


def _local_files(data_files: Any) -> list[Path]:
    if isinstance(data_files, str):
        return [] if "://" in data_files else [Path(data_files)]
    if isinstance(data_files, Mapping):
        return [path for part in data_files.values() for path in _local_files(part)]
    if isinstance(data_files, list):
        return [path for part in data_files for path in _local_files(part)]
    return []


def _without_folder(value: Any, folder: Path) -> Any:
    """Functions stand as absolute paths in what was read, which differ from machine to machine."""
    if isinstance(value, str):
        return value.replace(f"{folder}{os.sep}", "")
    if isinstance(value, Mapping):
        return {str(key): _without_folder(part, folder) for key, part in value.items()}
    if isinstance(value, list):
        return [_without_folder(part, folder) for part in value]
    return value
