"""Finds plugins, quarantines broken ones, looks names up."""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

import pluggy

from harness import hookspecs
from harness.decorators import DECLARED
from harness.errors import PluginError, UsageError
from harness.hookspecs import hookimpl
from harness.specs import (
    DatasetSpec,
    ExecutorSpec,
    KernelSpec,
    MetricSpec,
    ModelSpec,
    OpSpec,
    PublishedTable,
    ReporterSpec,
    Spec,
    SuiteSpec,
    TaskFamily,
    TaskSpec,
)

GROUP = "harness.plugins"
BUILTIN = "harness.builtin"
S = TypeVar("S", bound=Spec)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plugin:
    """A plugin that was found: where it came from, and why it is out of use if it is."""

    name: str
    origin: str
    version: str
    root: Path | None
    error: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Registered(Generic[S]):
    """A declaration with the plugin that made it."""

    spec: S
    plugin: Plugin


@dataclass(frozen=True, slots=True)
class Catalogue(Generic[S]):
    """Everything of one kind, by name."""

    kind: str
    entries: Mapping[str, Registered[S]]
    conflicts: Mapping[str, tuple[str, ...]]
    broken: tuple[str, ...]

    def __getitem__(self, name: str) -> Registered[S]:
        """The entry of that name. Raises UsageError with the nearest names, or PluginError when two claim it."""
        if name in self.conflicts:
            raise PluginError(
                f"{self.kind} {name!r} is registered by {' and '.join(self.conflicts[name])}; "
                "a name belongs to one plugin: remove or rename one"
            )
        if name not in self.entries:
            raise UsageError(f"no {self.kind} is called {name!r}; {self._way_out(name)}")
        return self.entries[name]

    def names(self) -> list[str]:
        return sorted(self.entries)

    def specs(self) -> list[S]:
        return [self.entries[name].spec for name in self.names()]

    def _way_out(self, name: str) -> str:
        broken = f" (plugins that did not load: {', '.join(self.broken)}; see `harness doctor`)" if self.broken else ""
        return suggest(name, self.entries) + broken


@dataclass(frozen=True, slots=True)
class TaskCatalogue(Catalogue[TaskSpec]):
    """Tasks, those of families (`family:name`) among them once somebody asks for one."""

    families: Catalogue[TaskFamily]

    def __getitem__(self, name: str) -> Registered[TaskSpec]:
        """The task of that name. Raises UsageError with the nearest names, or PluginError when two claim it."""
        family, separator, inside = name.partition(":")
        if not separator:
            return Catalogue.__getitem__(self, name)
        found = self.families[family]
        return Registered(spec=found.spec.make.load()(inside), plugin=found.plugin)


def suggest(name: str, known: Iterable[str]) -> str:
    """`did you mean ...` with the nearest of the known names, or all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(names) or 'none'}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Registry:
    """What all plugins together declare."""

    plugins: tuple[Plugin, ...]
    datasets: Catalogue[DatasetSpec]
    tasks: TaskCatalogue
    models: Catalogue[ModelSpec]
    metrics: Catalogue[MetricSpec]
    ops: Catalogue[OpSpec]
    kernels: Catalogue[KernelSpec]
    suites: Catalogue[SuiteSpec]
    executors: Catalogue[ExecutorSpec]
    reporters: Catalogue[ReporterSpec]
    published: Catalogue[PublishedTable]
    hooks: pluggy.PluginManager = field(repr=False)

    def kernels_of(self, op: str) -> dict[str, Registered[KernelSpec]]:
        """The kernels of an op by their own name."""
        return {r.spec.name: r for r in self.kernels.entries.values() if r.spec.op == op}

    def kernel(self, op: str, name: str) -> Registered[KernelSpec]:
        return self.kernels[f"{op}.{name}"]


def package_root(package: str) -> Path:
    """The folder of an installed package, found without importing it. Raises PluginError when there is none."""
    found = importlib.util.find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise PluginError(f"package {package!r} is shared by a plugin and not installed: install it")
    return Path(found.submodule_search_locations[0])


def load_registry(files: Sequence[Path] = (), *, entry_points: bool = True) -> Registry:
    """Load the built-in declarations, every installed plugin, and the given plugin files.

    An installed plugin that does not load is kept with its traceback and stops nothing; a file that was asked for and
    does not load raises UsageError.
    """
    manager = pluggy.PluginManager("harness")
    manager.add_hookspecs(hookspecs)
    found: list[Plugin] = [_register_installed(manager, "builtin", BUILTIN, "")]
    if entry_points:
        for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda point: point.name):
            version = point.dist.version if point.dist is not None else ""
            found.append(_register_installed(manager, point.name, point.value, version))
    found += [_register_file(manager, file) for file in files]
    collected = {hook: _collect(manager, hook, found) for hook in _HOOKS}
    broken = tuple(plugin.name for plugin in found if plugin.error)

    def catalogue(hook: str, kind: str) -> Catalogue[S]:
        return _catalogue(kind, collected[hook], broken)

    tasks: Catalogue[TaskSpec] = catalogue("harness_tasks", "task")
    return Registry(
        plugins=tuple(found),
        datasets=catalogue("harness_datasets", "dataset"),
        tasks=TaskCatalogue(
            "task",
            tasks.entries,
            tasks.conflicts,
            tasks.broken,
            catalogue("harness_task_families", "family of tasks"),
        ),
        models=catalogue("harness_models", "model"),
        metrics=catalogue("harness_metrics", "metric"),
        ops=catalogue("harness_ops", "op"),
        kernels=catalogue("harness_kernels", "kernel"),
        suites=catalogue("harness_suites", "suite"),
        executors=catalogue("harness_executors", "executor"),
        reporters=catalogue("harness_reporters", "reporter"),
        published=catalogue("harness_published_results", "table of published results"),
        hooks=manager,
    )


_HOOKS = (
    "harness_datasets",
    "harness_tasks",
    "harness_task_families",
    "harness_models",
    "harness_metrics",
    "harness_ops",
    "harness_kernels",
    "harness_suites",
    "harness_executors",
    "harness_reporters",
    "harness_published_results",
)


def _register_installed(manager: pluggy.PluginManager, name: str, module_name: str, version: str) -> Plugin:
    root: Path | None = None
    error = ""
    try:
        module = importlib.import_module(module_name)
        root = _root_of(module)
        _register(manager, module, name)
    except Exception:
        error = traceback.format_exc()
    return Plugin(name=name, origin=module_name, version=version, root=root, error=error)


def _register_file(manager: pluggy.PluginManager, file: Path) -> Plugin:
    if not file.is_file():
        raise UsageError(f"--plugin {file}: there is no such file; give the path of a Python file")
    path = file.resolve()
    module_name = f"harness_file_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    try:
        if module_name in sys.modules:
            module = sys.modules[module_name]
        else:
            spec = importlib.util.spec_from_file_location(module_name, path)
            if spec is None or spec.loader is None:
                raise UsageError(f"--plugin {file}: not a Python file; its name must end in .py")
            module = importlib.util.module_from_spec(spec)
            sys.modules[module_name] = module
            spec.loader.exec_module(module)
        _register(manager, module, path.stem)
        declared = [vars(item)[DECLARED] for item in vars(module).values() if DECLARED in _own_names(item)]
        manager.register(_FileModels(declared), f"{path.stem}:models")
    except UsageError:
        raise
    except Exception as error:
        sys.modules.pop(module_name, None)
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        where = f"{file}:{frames[-1].lineno}" if frames else f"{file}:{getattr(error, 'lineno', None) or 1}"
        raise UsageError(
            f"--plugin {where}: does not load: {type(error).__name__}: {error}; "
            "correct the file, or run it with python to see the whole traceback"
        ) from error
    return Plugin(name=path.stem, origin=str(file), version="", root=path)


class _FileModels:
    """The decorated classes of a plugin file, as a plugin."""

    def __init__(self, specs: list[ModelSpec]) -> None:
        self._specs = specs

    @hookimpl
    def harness_models(self) -> list[ModelSpec]:
        return self._specs


def _own_names(item: object) -> Iterable[str]:
    return vars(item) if isinstance(item, type) else ()


def _register(manager: pluggy.PluginManager, module: ModuleType, name: str) -> None:
    manager.register(module, name)
    try:
        manager.check_pending()
    except pluggy.PluginValidationError:
        manager.unregister(module)
        raise


def _root_of(module: ModuleType) -> Path | None:
    if module.__file__ is None:
        return None
    file = Path(module.__file__)
    return file.parent if "." in module.__name__ else file


def _collect(manager: pluggy.PluginManager, hook: str, found: list[Plugin]) -> list[tuple[Spec, Plugin]]:
    by_name = {plugin.name: index for index, plugin in enumerate(found)}
    collected: list[tuple[Spec, Plugin]] = []
    for implementation in getattr(manager.hook, hook).get_hookimpls():
        index = by_name[implementation.plugin_name.removesuffix(":models")]
        try:
            collected += [(_declaration(item, hook), found[index]) for item in implementation.function()]
        except Exception:
            plugin = found[index]
            found[index] = Plugin(
                name=plugin.name,
                origin=plugin.origin,
                version=plugin.version,
                root=plugin.root,
                error=plugin.error + traceback.format_exc(),
            )
    return collected


def _declaration(item: object, hook: str) -> Spec:
    if not isinstance(item, Spec):
        raise PluginError(f"{hook} returned {item!r}; it returns the declarations of harness.specs: return those")
    return item


def _catalogue(kind: str, collected: list[tuple[Spec, Plugin]], broken: tuple[str, ...]) -> Catalogue[S]:
    entries: dict[str, Registered[S]] = {}
    claims: dict[str, list[str]] = {}
    for spec, plugin in collected:
        key = f"{spec.op}.{spec.name}" if isinstance(spec, KernelSpec) else spec.name
        claims.setdefault(key, []).append(plugin.name)
        entries[key] = Registered(spec=spec, plugin=plugin)  # type: ignore[arg-type]
    conflicts = {name: tuple(owners) for name, owners in claims.items() if len(owners) > 1}
    return Catalogue(kind, entries, conflicts, broken)
