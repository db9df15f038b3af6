"""`harness kernels list`: ops, their kernels, and what cannot run here."""

from __future__ import annotations

import json
from pathlib import Path

import click

from harness.commands.kernels.options import chosen_kernels


@click.command("list")
@chosen_kernels
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(chosen: tuple[str, ...], plugins: tuple[Path, ...], as_json: bool) -> None:
    """List ops and their kernels, with what cannot run here and why."""
    from harness.kernels.running.cases import select_kernels
    from harness.planning.resolution import unusable
    from harness.registry import load_registry

    registry = load_registry(plugins)
    selection = select_kernels(chosen, registry)
    found = []
    for op in (registry.ops[name].spec for name in selection.ops):
        specs = sorted(
            (r.spec for r in registry.kernels_of(op.name).values() if selection.wants(r.spec)),
            key=lambda spec: (spec.name != "reference", spec.name),
        )
        kernels = [
            {
                "name": spec.name,
                "summary": spec.summary,
                "backend": str(spec.backend),
                "dtypes": list(spec.dtypes or op.tolerances),
                "unusable": unusable(spec, selection.device),
            }
            for spec in specs
        ]
        found.append({"op": op.name, "summary": op.summary, "kernels": kernels})
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    for op_entry in found:
        click.secho(str(op_entry["op"]), bold=True, nl=False)
        click.echo(f"  {op_entry['summary']}")
        for kernel in op_entry["kernels"]:
            dtypes = ", ".join(kernel["dtypes"])  # type: ignore[index]
            click.echo(f"  {kernel['name']:<15} {kernel['summary']} [{dtypes}]")  # type: ignore[index]
            if kernel["unusable"]:  # type: ignore[index]
                click.secho(f"  {'':<15} not here: {kernel['unusable']}", dim=True)  # type: ignore[index]
