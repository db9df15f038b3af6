"""What the options of datasets and tasks have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Options(BaseModel):
    """Frozen, strict, and closed to unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def checked_points(points: tuple[int, ...]) -> tuple[int, ...]:
    """The points, along which something is measured. Raises ValueError unless they are positive and grow."""
    if not points or min(points) < 1 or list(points) != sorted(set(points)):
        raise ValueError(f"{list(points)} are not growing positive numbers; give the smallest first, each once")
    return points
