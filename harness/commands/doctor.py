"""`harness doctor`: what is installed, what is broken, and how to mend it."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.options import plugin_option


@click.command("doctor")
@plugin_option
@click.pass_context
def command(ctx: click.Context, plugins: tuple[Path, ...]) -> None:
    """Say what is installed, what is broken, and how to mend it. Exit code 1 when something is broken."""
    import psutil

    from harness.machine import available_cpus, cpu_model, versions
    from harness.planning.resolution import not_installed, resolve_device, unusable
    from harness.registry import load_registry

    registry = load_registry(plugins)
    device, _ = resolve_device("auto")
    gibibytes = psutil.virtual_memory().total / 2**30
    click.echo(f"machine  {cpu_model()}, {available_cpus()} CPUs, {gibibytes:.0f} GiB; device=auto is {device}")
    click.echo("versions " + ", ".join(f"{name} {version}" for name, version in versions().items()))
    broken = [plugin for plugin in registry.plugins if plugin.error]
    click.echo(f"plugins  {len(registry.plugins) - len(broken)} loaded, {len(broken)} broken")
    for plugin in broken:
        click.secho(f"\nplugin {plugin.name} ({plugin.origin}) does not load:", fg="red")
        click.echo(plugin.error.rstrip())
        click.echo(f"correct or uninstall it: pip uninstall the distribution that has the entry point {plugin.name!r}")
    conflicts = [
        (catalogue.kind, name, owners)
        for catalogue in (registry.models, registry.tasks, registry.metrics, registry.datasets, registry.kernels)
        for name, owners in catalogue.conflicts.items()
    ]
    for kind, name, owners in conflicts:
        click.secho(f"{kind} {name!r} is registered by {' and '.join(owners)}; rename or remove one", fg="red")
    for spec in (
        *registry.models.specs(),
        *registry.tasks.specs(),
        *registry.tasks.families.specs(),
        *registry.datasets.specs(),
    ):
        if missing := not_installed(spec.requires, spec.name):
            click.echo(f"not usable here: {missing}")
    for kernel in registry.kernels.specs():
        if reason := unusable(kernel, device):
            click.echo(f"not usable here: {reason}")
    ctx.exit(1 if broken or conflicts else 0)
