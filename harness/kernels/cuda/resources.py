"""What a compiled kernel takes of a multiprocessor, read from what ptxas writes with `-v`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.errors import CompileError

# Each kernel's part begins with its name; the functions that it calls without inlining them follow in its part.
_ENTRY = re.compile(r"Compiling entry function '([^']+)' for '[^']+'")
_FRAME = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_REGISTERS = re.compile(r"Used (\d+) registers")
_CUMULATIVE = re.compile(r"(\d+) bytes cumulative stack size")
_SHARED = re.compile(r"(\d+) bytes smem")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Registers and local bytes of one thread, shared bytes of one block (those known when compiling)."""

    registers: int
    spill_store_bytes: int
    spill_load_bytes: int
    stack_bytes: int
    static_shared_bytes: int


def parse_resources(log: str, symbol: str) -> Resources:
    """The resources of the kernel with this mangled name, with those of the functions that it calls."""
    part = _part_of(log, symbol)
    registers = _REGISTERS.search(part)
    frames = [tuple(map(int, found)) for found in _FRAME.findall(part)]
    if registers is None or not frames:
        raise CompileError(
            f"the compiler's log does not have the registers and the stack frame of {symbol}; the format that is known "
            "is that of ptxas -v from NVRTC 12.8 to 13.5; use one of these versions",
            log,
        )
    stacks, stores, loads = zip(*frames, strict=True)
    return Resources(
        registers=int(registers[1]),
        spill_store_bytes=sum(stores),
        spill_load_bytes=sum(loads),
        stack_bytes=max(*stacks, *_numbers(_CUMULATIVE, part), 0),
        static_shared_bytes=max(_numbers(_SHARED, part), default=0),
    )


def _part_of(log: str, symbol: str) -> str:
    _, *parts = _ENTRY.split(log)
    return dict(zip(parts[0::2], parts[1::2], strict=True)).get(symbol, "")


def _numbers(pattern: re.Pattern[str], text: str) -> list[int]:
    return [int(number) for number in pattern.findall(text)]
