"""`harness show`: one thing with its options, source and origin."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import click

from harness.commands.list import shown_name
from harness.commands.options import plugin_option
from harness.errors import UsageError
from harness.registry import Registered, Registry, load_registry, suggest
from harness.specs import DatasetSpec, ModelSpec, Spec, SuiteSpec, TaskSpec


@click.command("show")
@click.argument("name")
@plugin_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(name: str, plugins: tuple[Path, ...], as_json: bool) -> None:
    """Show a model, task, metric, dataset, kernel (op.kernel), suite or plugin."""
    registry = load_registry(plugins)
    found = find(name, registry)
    if as_json:
        click.echo(json.dumps([describe(kind, entry, registry) for kind, entry in found], indent=1, default=str))
        return
    for kind, entry in found:
        _print(kind, describe(kind, entry, registry))
    for plugin in registry.plugins:
        if plugin.name == name:
            click.secho(f"plugin {plugin.name}", bold=True)
            click.echo(f"  origin   {plugin.origin}\n  version  {plugin.version}\n  files    {plugin.root}")
            click.echo(plugin.error)


def find(name: str, registry: Registry) -> list[tuple[str, Registered[Any]]]:
    """Everything of that name. Raises UsageError with the nearest names."""
    catalogues = (
        registry.models,
        registry.tasks,
        registry.tasks.families,
        registry.metrics,
        registry.datasets,
        registry.ops,
        registry.kernels,
        registry.suites,
        registry.executors,
    )
    if ":" in name:
        return [("task", registry.tasks[name])]
    wanted = name.replace("-", "_")
    found = [(catalogue.kind, catalogue[wanted]) for catalogue in catalogues if wanted in catalogue.entries]
    if not found and name not in {plugin.name for plugin in registry.plugins}:
        known = [entry for catalogue in catalogues for entry in catalogue.entries]
        raise UsageError(f"nothing is called {name!r}; {suggest(wanted, known)}")
    return found


def describe(kind: str, entry: Registered[Any], registry: Registry) -> dict[str, Any]:
    """What is known of an entry, with its options."""
    spec: Spec = entry.spec
    content: dict[str, Any] = {"kind": kind, "name": shown_name(spec), "summary": spec.summary}
    content["plugin"] = entry.plugin.name
    if spec.source is not None:
        content["source"] = dataclasses.asdict(spec.source)
    match spec:
        case ModelSpec():
            content["capabilities"] = sorted(spec.capabilities)
            content["ops"] = {op: sorted(registry.kernels_of(op)) for op in spec.ops}
        case TaskSpec():
            content["needs"] = str(spec.needs)
            content["metrics"] = list(spec.metrics)
        case DatasetSpec():
            content["licence"] = spec.licence
        case SuiteSpec():
            from harness.planning.suites import load_suite

            suite = load_suite(spec.name, registry)
            content["scales"] = {
                name: {
                    "summary": scale.summary,
                    "tasks": list(scale.tasks),
                    "models": list(scale.models),
                    "seeds": list(scale.seeds),
                }
                for name, scale in suite.scale.items()
            }
    if kind == "dataset" and spec.name in registry.tasks.entries:
        content["options"] = {}
        content["note"] = "its options are those of the task of the same name"
    elif isinstance(spec, ModelSpec | TaskSpec | DatasetSpec):
        content["options"] = {
            name: {"type": _type_name(field.annotation), "default": field.default, "meaning": field.description or ""}
            for name, field in spec.config.load().model_fields.items()
        }
    return content


def _type_name(annotation: Any) -> str:
    return annotation.__name__ if isinstance(annotation, type) else str(annotation).replace("typing.", "")


def _print(kind: str, content: dict[str, Any]) -> None:
    click.secho(f"{kind} {content['name']}", bold=True)
    click.echo(f"  {content['summary']}")
    for key, value in content.items():
        if key in ("kind", "name", "summary", "options", "source", "scales"):
            continue
        shown = ", ".join(value) if isinstance(value, list) else value
        if isinstance(value, dict):
            shown = "; ".join(f"{op} ({', '.join(kernels)})" for op, kernels in value.items())
        if shown:
            click.echo(f"  {key:<13} {shown}")
    if source := content.get("source"):
        arxiv = f", arXiv {source['arxiv']}" if source["arxiv"] else ""
        click.echo(f"  {'source':<13} {source['authors']}: {source['title']} ({source['year']}{arxiv})")
    for name, scale in content.get("scales", {}).items():
        click.echo(f"  scale {name}: {scale['summary']}")
        click.echo(f"    tasks   {', '.join(scale['tasks'])}")
        click.echo(f"    models  {', '.join(scale['models'])}")
        click.echo(f"    seeds   {', '.join(map(str, scale['seeds']))}")
    options = content.get("options", {})
    if options:
        click.echo("  options")
        width = max(map(len, options))
        for name, option in options.items():
            click.echo(f"    {name:<{width}}  {option['type']} = {option['default']!r}  {option['meaning']}")
