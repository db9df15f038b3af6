"""How many times faster the kernels of `selective_scan` are than its loop, on one CPU thread.

Every round times each kernel once, one after another, so that whatever else the machine does meets all of them; the
ratio of two kernels is that of their medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor

from harness_mamba import plugin

KERNELS = ("reference", "torch", "cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("--channels", type=int, default=256)
    parser.add_argument("--states", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()

    torch.set_num_threads(1)
    size = {name: getattr(options, name) for name in ("batch", "length", "channels", "states")}
    (op,) = plugin.harness_ops()
    inputs = op.make_inputs.load()(size, torch.Generator().manual_seed(0), torch.float32)
    kernels = {spec.name: spec.implementation.load() for spec in plugin.harness_kernels() if spec.name in KERNELS}
    print("float32, one thread, " + ", ".join(f"{name} {value}" for name, value in size.items()))
    print(f"{'':<20}{'kernel':<12}{'median ms':>12}{'times faster':>15}")
    for title, call in (("forward", forward), ("forward + backward", forward_and_backward)):
        seconds = time_interleaved(kernels, call, inputs, options.rounds)
        for name in KERNELS:
            ratio = seconds["reference"] / seconds[name]
            print(f"{title:<20}{name:<12}{1e3 * seconds[name]:>12.2f}{ratio:>15.1f}")


def forward(kernel: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> None:
    """One call without gradients."""
    with torch.no_grad():
        kernel(*inputs)


def forward_and_backward(kernel: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> None:
    """One call and the gradients of all inputs."""
    output = kernel(*inputs)
    torch.autograd.grad(output, inputs, torch.ones_like(output))


def time_interleaved(
    kernels: dict[str, Callable[..., Tensor]],
    call: Callable[..., None],
    inputs: tuple[Tensor, ...],
    rounds: int,
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
