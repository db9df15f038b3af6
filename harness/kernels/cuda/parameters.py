"""The parameters that a compiled kernel takes, read from its cubin.

The driver copies as many bytes as the kernel declares from wherever it is pointed to, so a wrong argument is not an
error there but a wrong number; what was declared is compared before anything is launched.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from harness.errors import UsageError

# A cubin is a 64-bit ELF file. Each kernel has a section of attributes: a format, a number and two bytes, which are the
# payload's length where the format says that one follows.
_WITH_PAYLOAD = 4
_PARAMETER = 0x17
_SIZE_SHIFT = 18
_TOTAL = 0x19


def parameter_sizes(cubin: bytes, symbol: str) -> tuple[int, ...] | None:
    """The bytes of each parameter in their order; None where this compiler does not describe them so."""
    section = _section(cubin, f".nv.info.{symbol}")
    if section is None:
        return None
    sizes = {}
    total = 0
    for number, length, payload in _attributes(section):
        if number == _PARAMETER and len(payload) == 12:
            _, ordinal, _, packed = struct.unpack("<IHHI", payload)
            sizes[ordinal] = packed >> _SIZE_SHIFT
        elif number == _TOTAL:
            total = length
    is_complete = sorted(sizes) == list(range(len(sizes))) and bool(sizes) == (total > 0)
    return tuple(sizes[ordinal] for ordinal in sorted(sizes)) if is_complete else None


def check_arguments(kernel: str, declared: Sequence[int] | None, given: Sequence[int]) -> None:
    """Raise where arguments of these sizes are not what the kernel declares."""
    if declared is None:
        return
    if len(declared) != len(given):
        raise UsageError(
            f"kernel {kernel} has {len(declared)} parameters; got {len(given)} arguments; pass each one once"
        )
    for index, (size, expected) in enumerate(zip(given, declared, strict=True)):
        if size != expected:
            raise UsageError(
                f"kernel {kernel}: argument {index} travels as {size} bytes; the parameter has {expected}; pass a "
                "tensor for a pointer, ctypes.c_int64(...) or ctypes.c_double(...) for a number of 64 bits"
            )


def _attributes(section: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Each attribute's number, its two bytes, and its payload."""
    position = 0
    while position + 4 <= len(section):
        layout, number, length = struct.unpack_from("<BBH", section, position)
        start = position + 4
        position = start + (length if layout == _WITH_PAYLOAD else 0)
        yield number, length, section[start:position]


def _section(cubin: bytes, name: str) -> bytes | None:
    try:
        (table,) = struct.unpack_from("<Q", cubin, 0x28)
        entry_size, count, names_index = struct.unpack_from("<HHH", cubin, 0x3A)
        headers = [struct.unpack_from("<IIQQQQ", cubin, table + index * entry_size) for index in range(count)]
        names = headers[names_index][4]
        for name_offset, _, _, _, offset, size in headers:
            start = names + name_offset
            if cubin[start : cubin.index(b"\0", start)] == name.encode():
                return cubin[offset : offset + size]
    except (struct.error, IndexError, ValueError):
        return None
    return None
