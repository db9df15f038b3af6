"""Forward calls of every op's own CPU kernels, single-threaded."""

from __future__ import annotations

from typing import Any

from history.absence import skipping_what_is_absent

SIZES: dict[str, dict[str, Any]] = {
    "attention": {
        "batch": 1, "heads": 4, "queries": 512, "keys": 512, "d_head": 64, "causal": True, "window": None,
    },
    "causal_conv1d": {"batch": 1, "length": 2048, "channels": 256, "width": 4},
    "causal_conv1d_update": {"batch": 1, "channels": 256, "width": 4},
    "infini_attention": {
        "batch": 1, "heads": 4, "length": 1024, "segment_length": 256, "d_head": 64, "memory": "delta",
    },
    "infini_memory": {"batch": 1, "heads": 4, "length": 256, "d_head": 64, "memory": "delta"},
    "linear_attention": {"batch": 1, "heads": 4, "length": 1024, "d_head": 64},
    "long_conv": {"batch": 1, "features": 64, "length": 4096},
    "s4_kernel": {"features": 16, "modes": 16, "length": 1024},
    "s4d_kernel": {"features": 64, "modes": 32, "length": 4096},
    "selective_scan": {"batch": 1, "length": 1024, "channels": 256, "states": 16},
    "selective_scan_update": {"batch": 1, "channels": 256, "states": 16},
}  # fmt: skip
KERNELS = (
    "attention.torch",
    "causal_conv1d.cpu",
    "causal_conv1d.torch",
    "causal_conv1d_update.cpu",
    "causal_conv1d_update.torch",
    "infini_attention.torch",
    "infini_memory.torch",
    "linear_attention.torch",
    "long_conv.torch",
    "s4_kernel.torch",
    "s4d_kernel.cpu",
    "s4d_kernel.torch",
    "selective_scan.cpu",
    "selective_scan.torch",
    "selective_scan_update.cpu",
    "selective_scan_update.torch",
)
"""Named here, not read from the registry: asv tells parameters by their place, which must not move with the commit."""


class Forward:
    """One call, its inputs made and its code compiled beforehand."""

    params = KERNELS
    param_names = ("kernel",)
    timeout = 300

    def setup(self, kernel: str) -> None:
        with skipping_what_is_absent():
            import torch

            from harness.kernels.loading import load_kernel
            from harness.registry import load_registry
        torch.set_num_threads(1)
        op, name = kernel.split(".")
        registry = load_registry()
        if op not in registry.ops.names() or name not in registry.kernels_of(op):
            raise NotImplementedError(f"this commit has no kernel {kernel}")
        self.no_grad = torch.no_grad
        self.function = load_kernel(op, name, registry).function
        make_inputs = registry.ops[op].spec.make_inputs.load()
        self.arguments = make_inputs(SIZES[op], torch.Generator().manual_seed(0), torch.float32)
        self.time_forward(kernel)

    def time_forward(self, kernel: str) -> None:
        with self.no_grad():
            self.function(*self.arguments)
