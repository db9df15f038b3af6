"""`key=value` on the command line: values as in TOML, bare words are strings, a comma or `a..b` makes an axis."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from harness.errors import UsageError

KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_:/-]*(\.[A-Za-z_][A-Za-z0-9_-]*)*")
RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)")
OPENING, CLOSING = "[{(", "]})"


@dataclass(frozen=True, slots=True)
class Override:
    """One `key=value`: the dotted key and the values of its axis (one value: no axis)."""

    key: tuple[str, ...]
    values: tuple[Any, ...]
    text: str

    @property
    def dotted(self) -> str:
        return ".".join(self.key)


def parse_overrides(arguments: Iterable[str]) -> tuple[Override, ...]:
    """Parse all arguments. Raises UsageError for a malformed one, an empty axis or a key given twice."""
    parsed: dict[tuple[str, ...], Override] = {}
    for argument in arguments:
        override = parse_override(argument)
        if override.key in parsed:
            first = parsed[override.key].text
            raise UsageError(f"{override.dotted} is given twice, as {first} and {argument}; an axis is {first},...")
        parsed[override.key] = override
    return tuple(parsed.values())


def parse_override(text: str) -> Override:
    key, separator, value = text.partition("=")
    if not separator or not KEY.fullmatch(key):
        raise UsageError(f"{text!r} is not key=value; write for example model=mamba,s4 or mamba.d_state=16")
    if not value.strip():
        raise UsageError(f"{key}= has no value; give at least one, or leave {key}= out to take the suite's")
    values: list[Any] = []
    for item in _split(value, text):
        if match := RANGE.fullmatch(item):
            first, last = int(match[1]), int(match[2])
            if last < first:
                raise UsageError(f"{key}={item} is an empty range; write the smaller number first: {last}..{first}")
            values += range(first, last + 1)
        else:
            values.append(parse_value(item))
    repeated = {repr(item) for index, item in enumerate(values) if item in values[:index]}
    if repeated:
        raise UsageError(f"{text}: {', '.join(sorted(repeated))} stands there twice; name each value once")
    return Override(tuple(key.split(".")), tuple(values), text)


def parse_value(text: str) -> Any:
    """A TOML value, or the text itself as a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _split(value: str, text: str) -> list[str]:
    """Split at commas outside quotes and brackets."""
    items, start, depth, quote = [], 0, 0, ""
    for position, character in enumerate(value):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in OPENING:
            depth += 1
        elif character in CLOSING:
            depth -= 1
        elif character == "," and depth == 0:
            items.append(value[start:position].strip())
            start = position + 1
    items.append(value[start:].strip())
    if quote or depth:
        raise UsageError(f"{text}: a quote or bracket is not closed")
    if not all(items):
        raise UsageError(f"{text}: an axis has an empty place; write values between the commas")
    return items
