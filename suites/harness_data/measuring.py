"""The options of tasks that measure what models cost along a line of points."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from harness_data.options import Options


def _growing(points: tuple[int, ...]) -> tuple[int, ...]:
    if not points or min(points) < 1 or list(points) != sorted(set(points)):
        raise ValueError(f"{list(points)} are not growing positive numbers; give the smallest first, each once")
    return points


Points = Annotated[tuple[int, ...], AfterValidator(_growing)]


class MeasuringOptions(Options):
    """What every such task has."""

    call_seconds: float = Field(
        30.0, gt=0, description="a point whose first call takes longer is not timed, nor are those beyond it"
    )
    precision: float = Field(
        0.03, gt=0, description="rounds end once the 95% interval of every median is narrower than this share of it"
    )
    ceilings: bool = Field(True, description="measure what the device can do at most, two seconds, and the share of it")
