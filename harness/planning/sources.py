"""Versions and source digests: what code a result depends on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import harness
from harness.canonical import source_digest
from harness.configuration import parse_config
from harness.registry import Plugin, Registered, package_root
from harness.specs import ModelSpec, TaskSpec


def sources_of(task: Registered[TaskSpec], model: Registered[ModelSpec]) -> dict[str, str]:
    """Version and source digest of everything whose code the result depends on."""
    sources = {plugin.name: source_of(plugin) for plugin in (task.plugin, model.plugin)}
    for package in {*task.spec.shares, *model.spec.shares}:
        sources[package] = _digest_of(package_root(package))
    return {**sources, **sources_of_core()}


def fingerprint_of(model: ModelSpec, options: Mapping[str, Any]) -> dict[str, str]:
    """What a model with these options depends on besides code, such as a file of weights."""
    if model.fingerprint is None:
        return {}
    text: str = model.fingerprint.load()(parse_config(model.config.load(), options, model.name))
    return {f"files of {model.name}": text} if text else {}


def sources_of_core() -> dict[str, str]:
    """Version and source digest of the core code that computes results."""
    return {"harness": f"{harness.__version__}:{_core_digest()}"}


def source_of(plugin: Plugin) -> str:
    return f"{plugin.version}:{_digest_of(plugin.root)}" if plugin.root is not None else plugin.version


@lru_cache(maxsize=1)
def _core_digest() -> str:
    core = Path(harness.__file__).parent
    return source_digest([core / "runtime", core / "kernels"])[:16]


@lru_cache(maxsize=256)
def _digest_of(root: Path) -> str:
    return source_digest([root])[:16]
