"""The definition of `selective_scan_update`: one step of the recurrence. Letters as in `selective_scan.reference`."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from harness_mamba.selective_scan.op import state_dtype
from harness_mamba.selective_scan.reference import step


def selective_scan_update(
    state: Float[Tensor, "batch channels states"],
    u: Float[Tensor, "batch channels"],
    dt: Float[Tensor, "batch channels"],
    A: Float[Tensor, "channels states"],
    B: Float[Tensor, "batch states"],
    C: Float[Tensor, "batch states"],
    D: Float[Tensor, " channels"] | None = None,
    z: Float[Tensor, "batch channels"] | None = None,
    dt_bias: Float[Tensor, " channels"] | None = None,
    dt_softplus: bool = False,
) -> tuple[Float[Tensor, "batch channels"], Float[Tensor, "batch channels states"]]:
    """The output at the next token, and the state after it, in the dtype of `selective_scan`'s final state."""
    exact = state_dtype(u)
    gate = None if z is None else z.to(exact)
    y, h = step(state.to(exact), u.to(exact), dt.to(exact), A, B.to(exact), C.to(exact), D, gate, dt_bias, dt_softplus)
    return y.to(u.dtype), h
