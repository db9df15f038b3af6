"""What a commit does not have yet."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def skipping_what_is_absent() -> Iterator[None]:
    """Lets asv skip a benchmark where a module, function or argument that it needs is not there.

    Raises NotImplementedError, by which asv knows a skip, from the error that told.
    """
    try:
        yield
    except (ImportError, AttributeError, TypeError) as error:
        raise NotImplementedError(f"this commit cannot run the benchmark ({error})") from error
