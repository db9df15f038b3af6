"""`harness gpu-check`: everything that needs a GPU, in one command."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.options import plugin_option

SANITIZER = "compute-sanitizer"
SANITIZER_TOOLS = ("memcheck", "racecheck")
SANITIZER_SECONDS = 120


@click.command("gpu-check")
@plugin_option
@click.option(
    "--results", type=click.Path(path_type=Path), default=Path("results"), show_default=True,
    help="Where the folder named after the GPU is put.",
)  # fmt: skip
@click.option("--seconds", type=float, default=0.5, show_default=True, help="About what a kernel and pass may take.")
def command(plugins: tuple[Path, ...], results: Path, seconds: float) -> int:
    """Compile, check and time every kernel on this machine's GPU, in under ten minutes.

    Where compute-sanitizer is installed, CUDA kernels also run under it. The rows are left as one file,
    results/<GPU>/leaderboard.parquet, ready to commit. The exit code is 1 when anything failed.
    """
    import time

    import torch

    from harness.commands.kernels import bench, check, compile, report
    from harness.errors import UsageError
    from harness.planning.resolution import resolve_device
    from harness.store import Store

    device, reason = resolve_device("cuda")
    if reason:
        raise UsageError(
            f"gpu-check: {reason.split(': ', 1)[1].split(';')[0]}; what can be proven without one is done by "
            "`harness kernels check --emulate` and `harness kernels compile`"
        )
    properties = torch.cuda.get_device_properties(device)
    folder = results / properties.name.lower().replace(" ", "-")
    work = results / "local" / folder.name
    files = [f"--plugin={file}" for file in plugins]
    architecture = f"--arch=sm_{properties.major}{properties.minor}"
    steps = {
        "compile": (compile.command, [architecture, *files]),
        "check": (check.command, [f"--results={work}", *files]),
        "bench": (bench.command, ["device=cuda", f"--results={work}", f"--seconds={seconds}", *files]),
    }
    failed = []
    for name, (step, arguments) in steps.items():
        click.secho(f"== {name}", bold=True)
        started = time.perf_counter()
        if step.main(arguments, standalone_mode=False):
            failed.append(name)
        click.echo(f"{name}: {time.perf_counter() - started:.0f} s")
    failed += [f"{SANITIZER} {tool}" for tool in _sanitizer_failures(work)]
    folder.mkdir(parents=True, exist_ok=True)
    exported = Store(work).export()
    exported.replace(folder / exported.name)
    report.command.main([str(folder / exported.name), "--goals"], standalone_mode=False)
    click.echo(f"rows: {folder / exported.name}")
    if failed:
        click.secho(f"failed: {', '.join(failed)}", fg="red")
    return 1 if failed else 0


def _sanitizer_failures(work: Path) -> list[str]:
    """The tools of compute-sanitizer that found something in a CUDA kernel."""
    import shutil
    import subprocess
    import sys

    program = shutil.which(SANITIZER)
    if program is None:
        click.echo(f"{SANITIZER} is not installed: memory accesses and races were not watched on the device")
        return []
    failed = []
    for tool in SANITIZER_TOOLS:
        click.secho(f"== {SANITIZER} {tool}", bold=True)
        command = [
            program, "--tool", tool, "--target-processes", "all", "--error-exitcode", "9", sys.executable, "-m",
            "harness.cli", "kernels", "check", "kernel=cuda", "dtype=float32", "--quick", "--jobs=1",
            f"--results={work / tool}",
        ]  # fmt: skip
        try:
            done = subprocess.run(command, timeout=SANITIZER_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            click.secho(f"{tool} did not end within {SANITIZER_SECONDS} s", fg="red")
            failed.append(tool)
            continue
        if done.returncode:
            failed.append(tool)
    return failed
