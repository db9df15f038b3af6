"""`selective_scan` for CPUs: one pass over time in machine code that numba makes, one thread.

Sixteen channels share a vector, so nothing is summed across lanes going forward, and the state of sixteen channels
(`states` vectors) stays in the cache. The forward pass keeps the state before every chunk of time but the first; the
backward pass recomputes the states inside a chunk from it. Softplus, bias, skip and gate are part of both passes, and a
half is computed in float32. Letters as in `reference`.
"""

from __future__ import annotations

from torch import Tensor

from harness.errors import UnsupportedError
from harness.kernels.operators import Operator
from harness_mamba.selective_scan.loops import scan_backward, scan_forward
from harness_mamba.selective_scan.op import check_arguments, state_dtype
from harness_mamba.vectorised.arrays import flat, rows, whole_vectors, zeros
from harness_mamba.vectorised.compilation import compiled
from harness_mamba.vectorised.results import Results
from harness_mamba.vectorised.vectors import LANES

# Steps whose states are recomputed together: as many as the second-level cache holds with room to spare.
CHUNK = 32


def check(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    dt_bias: Tensor | None,
    dt_softplus: bool,
    initial_state: Tensor | None,
) -> None:
    check_arguments(u, dt, A, B, C, D, z, dt_bias, dt_softplus, initial_state)
    if u.device.type != "cpu":
        raise UnsupportedError(
            f"selective_scan.cpu runs on the CPU and u is on {u.device}; use kernel=selective_scan.torch"
        )


def allocate(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    dt_softplus: bool = False,
    initial_state: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    batch, length, channels = u.shape
    states = A.shape[1]
    later_chunks = (length - 1) // CHUNK
    in_blocks = -(-channels // LANES) * LANES
    exact = state_dtype(u)
    return (
        u.new_empty(u.shape),
        u.new_empty((batch, channels, states), dtype=exact),
        u.new_empty(batch * later_chunks * in_blocks * states, dtype=exact),
    )


def forward(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    dt_bias: Tensor | None,
    dt_softplus: bool,
    initial_state: Tensor | None,
    y: Tensor,
    final_state: Tensor,
    starts: Tensor,
) -> None:
    exact = state_dtype(u)
    given, options = _given(u, dt, A, B, C, D, z, dt_bias, dt_softplus, initial_state)
    with Results(exact) as results:
        compiled(scan_forward, exact)(
            *given, results.array(y), results.array(final_state, 1), results.array(starts, None), *options
        )


def backward(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    dt_bias: Tensor | None,
    dt_softplus: bool,
    initial_state: Tensor | None,
    starts: Tensor,
    gy: Tensor,
    gfinal_state: Tensor,
    gu: Tensor,
    gdt: Tensor,
    gA: Tensor,
    gB: Tensor,
    gC: Tensor,
    gD: Tensor | None,
    gz: Tensor | None,
    gdt_bias: Tensor | None,
    ginitial_state: Tensor | None,
) -> None:
    exact = state_dtype(u)
    given, options = _given(u, dt, A, B, C, D, z, dt_bias, dt_softplus, initial_state)
    # What is not wanted of D and the bias is written all the same; of the gate and the state, nothing is.
    channels, nothing = u.new_empty(u.shape[2]), u.new_empty(0)
    with Results(exact) as results:
        compiled(scan_backward, exact)(
            *given,
            flat(starts, exact),
            flat(whole_vectors(gy), exact),
            flat(whole_vectors(gfinal_state, 1), exact),
            results.array(gu),
            results.array(gdt),
            results.array(gA, 0),
            results.array(gB, None),
            results.array(gC, None),
            results.array(channels if gD is None else gD),
            results.array(nothing, None) if gz is None else results.array(gz),
            results.array(channels if gdt_bias is None else gdt_bias),
            results.array(nothing, None) if ginitial_state is None else results.array(ginitial_state, 1),
            *options,
        )


def _given(
    u: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None,
    z: Tensor | None,
    dt_bias: Tensor | None,
    dt_softplus: bool,
    initial_state: Tensor | None,
) -> tuple[list[object], tuple[int, ...]]:
    """The arrays and the numbers that both loops take, in their order."""
    exact = state_dtype(u)
    batch, length, channels = u.shape
    width, states = max(channels, LANES), A.shape[1]
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
        flat(whole_vectors(initial_state, 1), exact),
    ]
    return arrays, (batch, length, width, states, distance, int(dt_softplus), CHUNK)


selective_scan = Operator(
    "selective_scan_cpu", allocate=allocate, forward=forward, backward=backward, check=check, num_outputs=2
)
