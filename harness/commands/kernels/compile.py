"""`harness kernels compile`: machine code for GPUs that need not be here, and what it takes of them."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.kernels.options import chosen_kernels, jobs_option


@click.command("compile")
@chosen_kernels
@click.option("--arch", "archs", multiple=True, help="sm_80, sm_90, ...  [default: sm_80, sm_90 and sm_100]")
@jobs_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a kernel, size and dtype, instead of text.")
def command(
    chosen: tuple[str, ...], plugins: tuple[Path, ...], archs: tuple[str, ...], jobs: int | None, as_json: bool
) -> int:
    """Compile Triton and CUDA kernels at the sizes at which they are timed, and hold them to their limits.

    The most registers, bytes spilled and shared memory of each are shown; --json has every entry. No GPU is needed.
    The exit code is 1 when a kernel does not compile or takes more than its declaration allows.
    """
    import json
    from collections import defaultdict
    from typing import Any

    from harness.errors import UsageError
    from harness.kernels.compilation import ARCHITECTURES
    from harness.kernels.running.cases import select_kernels
    from harness.kernels.running.compilations import compile_cases, run_compilations
    from harness.machine import available_cpus
    from harness.registry import load_registry

    registry = load_registry(plugins)
    wanted = archs or ARCHITECTURES
    for arch in wanted:
        if not arch.removeprefix("sm_").rstrip("af").isdigit():
            raise UsageError(f"--arch {arch}: not an architecture; write for example sm_90")
    cases = compile_cases(select_kernels(chosen, registry), registry)
    if not cases:
        raise UsageError("no kernel is left to compile: only Triton and CUDA kernels are (`harness kernels list`)")
    failed = 0
    taken: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for case, result in run_compilations(cases, plugins, wanted, jobs or available_cpus()):
        failed += result["status"] != "ok"
        if as_json:
            click.echo(json.dumps({"op": case.op, "kernel": case.kernel, "dtype": case.dtype, **result}))
            continue
        for item in result["compilations"]:
            taken[(f"{case.op}.{case.kernel}", item["arch"])].append(item)
        if result["status"] != "ok":
            click.secho(f"{result['status']}  {case.label}: {result['reason']}", fg="red")
            click.echo(result["log"], nl=False)
    if as_json:
        return 1 if failed else 0
    for (name, arch), items in sorted(taken.items()):
        entries = {item["entry"] for item in items}
        most = {key: max(item[key] for item in items) for key in ("registers", "spill_bytes", "shared_bytes")}
        click.echo(
            f"{name} {arch}: {len(entries)} entries, at most {most['registers']} registers, "
            f"{most['spill_bytes']} bytes spilled, {most['shared_bytes']} bytes shared"
        )
    click.echo(f"{len(cases)} combinations compiled for {', '.join(wanted)}: {failed} failed")
    return 1 if failed else 0
