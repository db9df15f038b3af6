"""The device code that the `.cu` files of this plugin share."""

from __future__ import annotations

from harness.kernels.cuda.sources import CudaSource

SHARED = (CudaSource("harness_infini", "tiles.cuh"), CudaSource("harness_infini", "memories.cuh"))
