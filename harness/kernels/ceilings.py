"""What a device can do at most, measured on it: the ceilings from which floors follow."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.kernels.costs import Ceilings
from harness.kernels.cuda.sources import CudaSource
from harness.kernels.timing import Call, interleaved

SOURCE = CudaSource("harness.kernels", "ceilings.cu")
SECONDS = 0.3
EXPONENTIAL_FLOPS = 12
"""A polynomial of degree six, as precise as float32 is; a CPU has no unit for exponentials."""
ROUNDS, CHAINS, THREADS, BLOCKS_PER_PROCESSOR = 4096, 8, 256, 8


def measure_ceilings(device: torch.device, dtype: torch.dtype) -> Ceilings:
    """Copy, matrix product in a dtype, multiply-adds, exponentials, and the shortest call; about two seconds.

    Each is the best of its samples: a ceiling is what was reached, not what is usual. On a GPU the extra `cuda` is
    needed, for exponentials and multiply-adds have to come from registers.
    """
    on_gpu = device.type == "cuda"
    source = torch.ones((512 if on_gpu else 64) * 2**18, device=device)
    target = torch.empty_like(source)
    order = 8192 if on_gpu else 1024
    left, right = (torch.randn(order, order, device=device).to(dtype) for _ in range(2))
    matrix = 2.0 * order**3 / _best(lambda: left @ right, device)
    copied = 2.0 * source.numel() * source.element_size() / _best(lambda: target.copy_(source), device)
    if on_gpu:
        arithmetic, exponentials, launch = _of_registers(device)
    else:
        arithmetic, exponentials, launch = _of_cache(device, matrix if dtype == torch.float32 else None)
    return Ceilings(
        bytes_per_second=copied,
        matrix_flops_per_second=matrix,
        flops_per_second=arithmetic,
        exponentials_per_second=exponentials,
        launch_seconds=launch,
    )


def _of_registers(device: torch.device) -> tuple[float, float, float]:
    out = torch.zeros(1, device=device)
    blocks = BLOCKS_PER_PROCESSOR * torch.cuda.get_device_properties(device).multi_processor_count
    operations = float(blocks * THREADS * CHAINS * ROUNDS)

    def launch(entry: str, arguments: list[Tensor | float | int], size: tuple[int, int]) -> Call:
        return lambda: SOURCE.launch(entry, grid=size[:1], block=size[1:], arguments=arguments)

    size = (blocks, THREADS)
    arithmetic = 2.0 * operations / _best(launch("multiply_adds", [out, 0.5, ROUNDS], size), device)
    exponentials = operations / _best(launch("exponentials", [out, 0.01, ROUNDS], size), device)
    return arithmetic, exponentials, _best(launch("nothing", [], (1, 1)), device)


def _of_cache(device: torch.device, matrix: float | None) -> tuple[float, float, float]:
    """On a CPU multiply-adds reach what a matrix product in float32 does, and exponentials are made of them."""
    if matrix is None:
        square = torch.randn(1024, 1024, device=device)
        matrix = 2.0 * 1024**3 / _best(lambda: square @ square, device)
    single = torch.zeros(1, device=device)
    return matrix, matrix / EXPONENTIAL_FLOPS, _best(lambda: single.add_(1.0), device)


def _best(call: Call, device: torch.device) -> float:
    return min(interleaved({"it": call}, device, SECONDS)["it"].samples)
