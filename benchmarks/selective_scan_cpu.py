"""How many times faster the kernels of `selective_scan` are than its loop, on one CPU thread.

Twice: with everything that a Mamba block has in it (bias, softplus, skip, gate), and the scan with its skip alone.

Every round times each kernel once, one after another, so that whatever else the machine does meets all of them; the
ratio of two kernels is that of their medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import Tensor

from harness_mamba import plugin

Kernel: TypeAlias = Callable[..., tuple[Tensor, Tensor]]

KERNELS = ("reference", "torch", "mambapy", "cpu")
OPTIONS: dict[str, dict[str, bool]] = {
    "block": {},
    "scan alone": {"gate": False, "dt_bias": False, "softplus": False},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--states", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    size = {name: getattr(arguments, name) for name in ("batch", "length", "channels", "states")}
    (op,) = (op for op in plugin.harness_ops() if op.name == "selective_scan")
    specs = {spec.name: spec for spec in plugin.harness_kernels() if spec.op == op.name}
    kernels = {name: specs[name].implementation.load() for name in KERNELS}
    print("float32, one thread, " + ", ".join(f"{name} {value}" for name, value in size.items()))
    print(f"{'':<12}{'':<20}{'kernel':<12}{'median ms':>12}{'times faster':>15}")
    for case, options in OPTIONS.items():
        inputs = op.make_inputs.load()({**size, **options}, torch.Generator().manual_seed(0), torch.float32)
        for title, call in (("forward", forward), ("forward + backward", forward_and_backward)):
            seconds = time_interleaved(kernels, call, inputs, arguments.rounds)
            for name in KERNELS:
                ratio = seconds["reference"] / seconds[name]
                print(f"{case:<12}{title:<20}{name:<12}{1e3 * seconds[name]:>12.2f}{ratio:>15.1f}")


def forward(kernel: Kernel, inputs: tuple[Any, ...]) -> None:
    """One call without gradients."""
    with torch.no_grad():
        kernel(*inputs)


def forward_and_backward(kernel: Kernel, inputs: tuple[Any, ...]) -> None:
    """One call and the gradients of all inputs."""
    output, _ = kernel(*inputs)
    tensors = [value for value in inputs if isinstance(value, Tensor)]
    torch.autograd.grad(output, tensors, torch.ones_like(output))


def time_interleaved(
    kernels: dict[str, Kernel], call: Callable[..., None], inputs: tuple[Any, ...], rounds: int
) -> dict[str, float]:
    """Median seconds of each kernel; the first call of each, which may compile, is not counted."""
    for kernel in kernels.values():
        call(kernel, inputs)
    seconds: dict[str, list[float]] = {name: [] for name in kernels}
    for _ in range(rounds):
        for name, kernel in kernels.items():
            start = time.perf_counter()
            call(kernel, inputs)
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


if __name__ == "__main__":
    main()
