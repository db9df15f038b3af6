"""How much work an op cannot avoid, from which the roofline floor of its time follows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One pass: bytes that must travel between memory and the processor, and operations of each unit.

    `matrix_flops` are those of matrix products (two for a multiply-add), `flops` other arithmetic, `exponentials` what
    the special-function units do: exp, log, sine, reciprocal.
    """

    bytes: float
    matrix_flops: float = 0.0
    flops: float = 0.0
    exponentials: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Costs:
    """The work of the forward pass and of the backward pass alone."""

    forward: Work
    backward: Work


@dataclass(frozen=True, kw_only=True, slots=True)
class Ceilings:
    """What a device was measured to do a second, and the shortest time of any call."""

    bytes_per_second: float
    matrix_flops_per_second: float
    flops_per_second: float
    exponentials_per_second: float
    launch_seconds: float


def floor(work: Work, ceilings: Ceilings) -> tuple[float, str]:
    """The least time in seconds that the work can take, and which term sets it."""
    terms = {
        "memory": work.bytes / ceilings.bytes_per_second,
        "matrix": work.matrix_flops / ceilings.matrix_flops_per_second,
        "flops": work.flops / ceilings.flops_per_second,
        "exp": work.exponentials / ceilings.exponentials_per_second,
        "launch": ceilings.launch_seconds,
    }
    slowest = max(terms, key=lambda name: terms[name])
    return terms[slowest], slowest
