"""Datasets of the Hugging Face hub, by the package `datasets`, which keeps its own cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sized
from pathlib import Path
from typing import Any, Protocol, cast

from harness.errors import DataError, MissingDataError


class HubSplit(Sized, Iterable[Mapping[str, Any]], Protocol):
    """The rows of a split."""


def load_from_hub(name: str, otherwise: str) -> Mapping[str, HubSplit]:
    """The splits of a dataset. Raises MissingDataError, which ends with the other way out, where it cannot be had.

    Raises DataError where a local folder has the same name, since the package would read that one in its place.
    """
    if Path(name).exists():
        raise DataError(
            f"{name} is also a file or folder in the working directory, which the package datasets reads in place of "
            "the hub; a name of the hub is needed; work in another directory or rename it"
        )
    try:
        import datasets
    except ImportError as error:
        raise MissingDataError(
            f"the package datasets is not installed; it reads {name} from the hub; install it with "
            f"`pip install 'arch-harness[hub]'` or {otherwise}"
        ) from error
    try:
        return cast(Mapping[str, HubSplit], datasets.load_dataset(name))
    except (OSError, ValueError) as error:
        raise MissingDataError(f"the hub does not give {name} ({error}); go online or {otherwise}") from error
