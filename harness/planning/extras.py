"""Which command installs what a declaration requires, as the distributions with plugins declare it."""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Sequence
from functools import lru_cache

from harness.registry import GROUP

REQUIREMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


def install_command(modules: Sequence[str]) -> str:
    """What installs the packages of these modules; empty where no distribution with plugins asks for any of them.

    A package is taken to be called as its module is, which holds for all that harness requires.
    """
    known = _sources()
    found = sorted({known[name] for module in modules if (name := _canonical(module)) in known})
    return f"pip install {' '.join(found)}" if found else ""


@lru_cache(maxsize=1)
def _sources() -> dict[str, str]:
    """What to install for each required package: the extra with the fewest packages that brings it, or itself."""
    sources: dict[str, str] = {}
    distributions = {
        point.dist.name: point.dist for point in importlib.metadata.entry_points(group=GROUP) if point.dist is not None
    }
    for owner, distribution in sorted(distributions.items()):
        extras: dict[str, list[str]] = {}
        for text in distribution.requires or ():
            package, marker = REQUIREMENT.match(text), EXTRA.search(text)
            if package is not None:
                extras.setdefault(marker[1] if marker else "", []).append(_canonical(package[0]))
        for extra, names in sorted(extras.items(), key=lambda item: (item[0] != "", len(item[1]))):
            for name in names:
                sources.setdefault(name, f"'{owner}[{extra}]'" if extra else name)
    return sources


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
