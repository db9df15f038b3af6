"""Points whose cost is mostly what surrounds a model: no slope is to be read from them."""

from __future__ import annotations

from collections.abc import Mapping

LEAST_RATIO = 5.0
"""A point counts from so many times the cost of an empty model's step on."""
ROUNDING = 1e-9


def overhead(x: float, cost: float, empty: Mapping[float, float] | None) -> str:
    """Why a point says nothing of the model, in words; empty where it does, or where no empty step was measured."""
    around = None if empty is None else empty.get(x)
    if around is None or cost >= LEAST_RATIO * around * (1 - ROUNDING):
        return ""
    return f"at {x:g} the cost is {cost / around:.2g} times an empty model's ({cost:.3g} against {around:.3g})"
