"""How CUDA C++ calls torch's dtypes, with the names of `harness.cuh`."""

from __future__ import annotations

import torch

TYPES = {
    torch.float32: "float",
    torch.float64: "double",
    torch.float16: "half_t",
    torch.bfloat16: "bf16",
    torch.int32: "int",
    torch.int64: "long long",
}
