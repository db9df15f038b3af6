"""What a checkpoint file holds, as a text that changes when that does; light enough for planning."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.errors import DataError
from harness_vit.config import ViTConfig


def fingerprint(config: ViTConfig) -> str:
    """The SHA-256 of the checkpoint: empty where there is none to read, `missing` where its file does not exist."""
    path = Path(config.checkpoint)
    if not config.checkpoint:
        return ""
    if not path.is_file():
        return "missing"
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); make it readable or give another file") from error
