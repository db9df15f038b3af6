"""The IDX format: a big-endian header with the element type and the sizes, then the elements."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from harness.errors import DataError
from harness.interfaces import Array

UNSIGNED_BYTES = 0x08


def read_idx(path: Path, dimensions: int) -> Array:
    """The array of unsigned bytes in a file, gzipped or not. Raises DataError that names the file and what is wrong."""
    content = _content(path)
    header = 4 + 4 * dimensions
    expected = bytes([0, 0, UNSIGNED_BYTES, dimensions])
    if content[:4] != expected:
        raise DataError(
            f"{path}: the file starts with {content[:4].hex() or 'nothing'}; an IDX file of unsigned bytes with "
            f"{dimensions} dimensions starts with {expected.hex()}; fetch the file again"
        )
    if len(content) < header:
        raise DataError(f"{path}: the header ends after {len(content)} of {header} bytes; fetch the file again")
    shape = tuple(int(size) for size in np.frombuffer(content, dtype=">u4", count=dimensions, offset=4))
    if len(content) - header != math.prod(shape):
        raise DataError(
            f"{path}: {len(content) - header} bytes follow the header; its sizes {shape} need {math.prod(shape)}; "
            "fetch the file again"
        )
    return np.frombuffer(content, dtype=np.uint8, offset=header).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if path.suffix == ".gz" else raw
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: the file cannot be read ({error}); fetch it again") from error
