"""Versions and source digests: what code a result depends on."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import harness
from harness.canonical import source_digest
from harness.registry import Plugin, Registered, package_root
from harness.specs import ModelSpec, TaskSpec


def sources_of(task: Registered[TaskSpec], model: Registered[ModelSpec]) -> dict[str, str]:
    """Version and source digest of everything whose code the result depends on."""
    sources = {plugin.name: source_of(plugin) for plugin in (task.plugin, model.plugin)}
    for package in {*task.spec.shares, *model.spec.shares}:
        sources[package] = _digest_of(package_root(package))
    return {**sources, **sources_of_core()}


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
