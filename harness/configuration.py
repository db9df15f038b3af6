"""Options that people write, checked against a plugin's pydantic model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from harness.canonical import canonical_json
from harness.errors import UsageError
from harness.registry import suggest

Config = TypeVar("Config", bound=BaseModel)


def parse_config(config: type[Config], options: Mapping[str, Any], owner: str) -> Config:
    """The options as a `config`. Raises UsageError that names the owner, the option, what it takes and what it got.

    Validation is that of JSON, so that what was written in TOML, on the command line or in a row reads back alike.
    """
    for name in options:
        if name not in config.model_fields:
            raise UsageError(f"{owner} has no option {name!r}; {suggest(name, config.model_fields)}")
    try:
        return config.model_validate_json(canonical_json(dict(options)))
    except ValidationError as error:
        raise UsageError(f"{owner}: {explain(error)}; see `harness show {owner}`") from error
    except (TypeError, ValueError) as error:
        raise UsageError(f"{owner}: {error}; give numbers, strings, booleans or lists of them") from error


def explain(error: ValidationError) -> str:
    """What pydantic found, as one line a person reads: place, fact, what was given."""
    lines = []
    for item in error.errors(include_url=False):
        place = ".".join(str(part) for part in item["loc"])
        message = item["msg"].removeprefix("Value error, ")
        given = f", not {item['input']!r}" if item["type"] not in ("missing", "extra_forbidden", "value_error") else ""
        lines.append(f"{place}: {message[0].lower()}{message[1:]}{given}" if place else message)
    return "; ".join(lines)
