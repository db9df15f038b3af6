"""The gate before a trial: its kernels are held to their definitions before anything is timed."""

from __future__ import annotations

import torch

from harness.kernels.comparing import exact, make_arguments, placed, relative_error, values_and_gradients
from harness.kernels.loading import Kernel
from harness.registry import Registry


def check_kernel(kernel: Kernel, registry: Registry, device: torch.device, dtype_name: str) -> str:
    """Why a kernel is not equal to its op's definition, or "" if it is.

    Values and every gradient are compared with the reference in float64, at each size that the op declares for trials,
    by the norm of the difference over the norm of the reference. NaN always fails.
    """
    if kernel.spec.name == "reference":
        return ""
    op = kernel.op
    dtype_name = dtype_name if dtype_name in op.tolerances else "float32"
    if kernel.spec.dtypes and dtype_name not in kernel.spec.dtypes:
        dtype_name = "float32"
    limits = op.tolerances[dtype_name]
    reference = registry.kernel(op.name, "reference").spec.implementation.load()
    for index, size in enumerate(op.sizes):
        arguments = make_arguments(op, size, index, dtype_name)
        expected = values_and_gradients(reference, exact(arguments), kernel.spec.differentiable)
        found = values_and_gradients(kernel.function, placed(arguments, device), kernel.spec.differentiable)
        for want, got in zip(expected, found, strict=True):
            error = relative_error(got.tensor, want.tensor)
            if not error.norm <= limits[want.is_gradient]:
                return (
                    f"kernel {op.name}.{kernel.spec.name} differs from the reference at {dict(size)}: {want.name} is "
                    f"off by {error.norm:.1e}, {limits[want.is_gradient]:.0e} is allowed in {dtype_name}"
                )
    return ""
