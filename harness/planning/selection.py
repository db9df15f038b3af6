"""From the words of a command line to a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.planning.expansion import make_plan
from harness.planning.overrides import Override, parse_overrides
from harness.planning.suites import load_suite
from harness.planning.trials import Plan
from harness.registry import Registry, load_registry, suggest


@dataclass(frozen=True, slots=True)
class Selection:
    """A plan with the registry and the plugin files that it was made from."""

    plan: Plan
    registry: Registry
    plugin_files: tuple[Path, ...]


def select(arguments: Sequence[str], plugin_files: Sequence[Path]) -> Selection:
    """Plan what `suite=`, `scale=` and the other overrides ask for. Raises UsageError."""
    overrides = parse_overrides(arguments)
    by_key = {override.dotted: override for override in overrides}
    registry = load_registry(plugin_files)
    if "suite" not in by_key:
        names = ", ".join(f"suite={name.replace('_', '-')}" for name in registry.suites.names())
        raise UsageError(f"no suite was chosen; give one of: {names}, or suite=FILE.toml")
    name = _one(by_key["suite"])
    suite = load_suite(name, registry)
    files = tuple(plugin_files)
    if suite.plugin:
        folder = Path(name).parent if name.endswith(".toml") else Path()
        files = (*files, *(folder / file for file in suite.plugin))
        registry = load_registry(files)
    scale_name = _one(by_key["scale"]) if "scale" in by_key else suite.default_scale
    rest = [override for override in overrides if override.dotted not in ("suite", "scale")]
    scale = suite.at(scale_name)
    return Selection(make_plan(suite.name, scale_name, scale, rest, registry), registry, files)


def _one(override: Override) -> str:
    if len(override.values) != 1 or not isinstance(override.values[0], str):
        raise UsageError(f"{override.text}: one name is expected; run the others with commands of their own")
    return override.values[0]


def check_statuses(names: Sequence[str], known: Sequence[str]) -> frozenset[str]:
    """The statuses of `--retry`. Raises UsageError for one that does not exist."""
    for name in names:
        if name not in known:
            raise UsageError(f"--retry {name}: no such status; {suggest(name, known)}")
    return frozenset(names)
