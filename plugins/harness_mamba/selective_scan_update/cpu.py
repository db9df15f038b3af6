"""`selective_scan_update` for CPUs: machine code that numba makes, one thread. A half is computed in float32."""

from __future__ import annotations

import torch
from torch import Tensor

from harness.errors import UnsupportedError
from harness.kernels.operators import Operator
from harness_mamba.selective_scan.loops import scan_forward
from harness_mamba.selective_scan.op import state_dtype
from harness_mamba.selective_scan_update.loops import update
from harness_mamba.selective_scan_update.op import check_arguments
from harness_mamba.vectorised.arrays import flat, rows, whole_vectors, zeros
from harness_mamba.vectorised.compilation import compiled
from harness_mamba.vectorised.results import Results
from harness_mamba.vectorised.vectors import LANES


def check(
    state: Tensor,
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    dt_bias: Tensor | None,
    dt_softplus: bool,
) -> None:
    check_arguments(state, u, dt, A, B, C, D, z, dt_bias, dt_softplus)
    if u.device.type != "cpu":
        raise UnsupportedError(
            f"selective_scan_update.cpu runs on the CPU and u is on {u.device}; use kernel=selective_scan_update.torch"
        )


def allocate(
    state: Tensor,
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
) -> tuple[Tensor, Tensor]:
    contiguous = torch.contiguous_format
    after = torch.empty_like(state, dtype=state_dtype(u), memory_format=contiguous)
    return torch.empty_like(u, memory_format=contiguous), after


def forward(
    state: Tensor,
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    dt_bias: Tensor | None,
    dt_softplus: bool,
    y: Tensor,
    after: Tensor,
) -> None:
    exact = state_dtype(u)
    batch, channels = u.shape
    states, width = A.shape[1], max(channels, LANES)
    gate, distance = (flat(None, exact), 0) if z is None else rows(whole_vectors(z), exact)
    arrays = [
        flat(whole_vectors(u), exact),
        flat(whole_vectors(dt), exact),
        flat(whole_vectors(A, 0), exact),
        flat(B, exact),
        flat(C, exact),
        zeros(width, exact) if D is None else flat(whole_vectors(D), exact),
        gate,
        zeros(width, exact) if dt_bias is None else flat(whole_vectors(dt_bias), exact),
        flat(whole_vectors(state, 1), exact),
    ]
    options = (width, states, distance, int(dt_softplus))
    with Results(exact) as results:
        written = [results.array(y), results.array(after, 1)]
        if states % LANES == 0:
            compiled(update, exact)(*arrays, *written, batch, *options)
        else:
            # States that fill no vector: the sequence's loop, with channels side by side, at a length of one.
            compiled(scan_forward, exact)(*arrays, *written, flat(None, exact), batch, 1, *options, 1)


selective_scan_update = Operator(
    "selective_scan_update_cpu", allocate=allocate, forward=forward, check=check, num_outputs=2, differentiable=()
)
