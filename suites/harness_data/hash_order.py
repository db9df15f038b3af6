"""An order that depends on nothing but names, and what is held out by it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from harness.errors import DataError


def hold_out(names: Sequence[str], share: float) -> tuple[list[int], list[int]]:
    """Indices of the held-out names and of the rest, both ascending.

    The held-out ones are the first `share`, at least one, in the order of the names' SHA-256.
    """
    count = max(1, round(len(names) * share))
    if count >= len(names):
        raise DataError(
            f"{len(names)} images, of which {count} would be held out; some must remain to train on; give more images "
            "or a smaller validation_share"
        )
    hashes = [hashlib.sha256(name.encode(errors="surrogateescape")).digest() for name in names]
    order = sorted(range(len(names)), key=lambda index: hashes[index])
    return sorted(order[:count]), sorted(order[count:])
