"""Token models as language models of lm-eval (extra `lm-eval`), which is imported when the bridge is used, not before.

`python -m harness.bridges.lm_eval` is lm-eval's own command line with `--model harness`. In a program `register()`
comes first, or `language_model()` gives the class. The policies stand in `docs/lm-eval.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.bridges.lm_eval.model import HarnessLM

NAME = "harness"
TARGET = "harness.bridges.lm_eval.model:HarnessLM"


def require_lm_eval() -> None:
    """Raises UnsupportedError, which says what to install, where lm-eval is missing."""
    from harness.errors import UnsupportedError
    from harness.planning.resolution import not_installed

    if missing := not_installed(("lm_eval",), "the bridge to lm-eval"):
        raise UnsupportedError(missing)


def language_model() -> type[HarnessLM]:
    """The subclass of `lm_eval.api.model.LM`. Raises UnsupportedError where lm-eval is missing."""
    require_lm_eval()
    from harness.bridges.lm_eval.model import HarnessLM

    return HarnessLM


def register() -> None:
    """Make `model="harness"` known to lm-eval in this process. Raises UnsupportedError where lm-eval is missing."""
    require_lm_eval()
    # lm-eval fills its registry by this import, and only does so itself while the registry is empty.
    import lm_eval.models  # noqa: F401
    from lm_eval.api.registry import model_registry

    if NAME not in model_registry:
        model_registry.register(NAME, target=TARGET)
