"""How many features the extractors give, known without loading them; and the names of those a user may add."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

ExtraExtractor: TypeAlias = Literal["efficientnet-lite0", "inception"]
"""Networks that look at samples besides the pinned classifier of a task's data."""

PINNED_WIDTH = 64
EXTRA_WIDTHS: Mapping[ExtraExtractor, int] = MappingProxyType({"efficientnet-lite0": 1280, "inception": 2048})
