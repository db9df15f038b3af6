"""`harness list`: what there is, by name."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import click

from harness.commands.options import plugin_option
from harness.errors import UsageError
from harness.registry import Registry, load_registry, suggest
from harness.specs import KernelSpec, ModelSpec, Spec, TaskFamily, TaskSpec

KINDS = ("models", "tasks", "metrics", "datasets", "kernels", "suites", "plugins")


@click.command("list")
@click.argument("kind", required=False)
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(kind: str | None, plugins: tuple[Path, ...], as_json: bool) -> None:
    """List models, tasks, metrics, datasets, kernels, suites or plugins; all of them without KIND."""
    if kind is not None and kind not in KINDS:
        raise UsageError(f"list {kind}: no such kind; {suggest(kind, KINDS)}")
    registry = load_registry(plugins)
    found = {name: list(_entries(name, registry)) for name in ([kind] if kind else KINDS)}
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    for name, entries in found.items():
        if len(found) > 1:
            click.secho(name, bold=True)
        width = max((len(entry["name"]) for entry in entries), default=0)
        for entry in entries:
            detail = f"  [{entry['detail']}]" if entry["detail"] else ""
            click.echo(f"  {entry['name']:<{width}}  {entry['summary']}{detail}")
    broken = [plugin.name for plugin in registry.plugins if plugin.error]
    if broken:
        click.echo(f"did not load: {', '.join(broken)}; see `harness doctor`", err=True)


def _entries(kind: str, registry: Registry) -> Iterable[dict[str, str]]:
    if kind == "plugins":
        for plugin in registry.plugins:
            state = "broken, see `harness doctor`" if plugin.error else plugin.origin
            yield {"name": plugin.name, "summary": state, "detail": plugin.version}
        return
    specs: dict[str, list[Spec]] = {
        "models": [*registry.models.specs()],
        "tasks": [*registry.tasks.specs(), *registry.tasks.families.specs()],
        "metrics": [*registry.metrics.specs()],
        "datasets": [*registry.datasets.specs()],
        "kernels": [*registry.kernels.specs()],
        "suites": [*registry.suites.specs()],
    }
    for spec in specs[kind]:
        yield {"name": shown_name(spec), "summary": spec.summary, "detail": _detail(spec)}


def shown_name(spec: Spec) -> str:
    """A kernel with its op, a family as its tasks are asked for; everything else by its own name."""
    if isinstance(spec, TaskFamily):
        return f"{spec.name}:NAME"
    return f"{spec.op}.{spec.name}" if isinstance(spec, KernelSpec) else spec.name


def _detail(spec: Spec) -> str:
    match spec:
        case ModelSpec():
            return ", ".join(sorted(spec.capabilities))
        case TaskSpec():
            return f"needs {spec.needs}; {spec.metrics[0]}"
        case KernelSpec():
            return ", ".join(spec.devices)
    return ""
