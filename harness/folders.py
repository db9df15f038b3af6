"""Where things are kept between runs."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CheckpointFolder:
    """Where trials keep what they would go on from, in a folder of its id each, and how often."""

    path: Path
    seconds: float


def cache_folder() -> Path:
    """The user's folder for what can be made again: `HARNESS_CACHE`, or `harness` in the system's cache folder."""
    base = os.environ.get("HARNESS_CACHE")
    return Path(base) if base else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "harness"
