"""The task `lm_eval:NAME` for any task of lm-eval."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from typing import Any, Literal

from pydantic import create_model

from harness.errors import UsageError
from harness.specs import Capability, Ref, TaskSpec
from harness_language_modelling.locating import locate
from harness_language_modelling.measures import KNOWN, TRUNCATED, VALIDATION, measures_of
from harness_language_modelling.options import LmEvalConfig

HERE = "harness_language_modelling"
HUB = ("huggingface.co", 443)
OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE")


def make(name: str) -> TaskSpec:
    """The declaration of an lm-eval task. Raises UsageError for one that is not there, or measured by nothing known."""
    located = locate(name)
    measures = measures_of(located.config)
    if not measures:
        raise UsageError(
            f"lm-eval's task {located.name} has none of the metrics that are taken over: {', '.join(sorted(KNOWN))}; "
            "run it with lm-eval's own command line (docs/lm-eval.md)"
        )
    return TaskSpec(
        name=f"lm_eval:{name}",
        summary=f"lm-eval's {located.name}, version {located.version}, after training on text",
        config=Ref(f"{HERE}.families:config_of", argument=name),
        build=Ref(f"{HERE}.families:builder_of", argument=name),
        needs=Capability.PREDICTS_TOKENS,
        metrics=(*measures, TRUNCATED, VALIDATION),
        requires=("lm_eval",),
        shares=("harness_data",),
        unsupported=Ref(f"{HERE}.families:unsupported_of", argument=name),
    )


@lru_cache(maxsize=64)
def config_of(name: str) -> type[LmEvalConfig]:
    """The options, with the task's version and the digest of its configuration as they are now among them."""
    located = locate(name)
    version: Any = Literal[located.version]
    digest: Any = Literal[located.digest]
    return create_model(
        "LmEvalConfig",
        __base__=LmEvalConfig,
        __module__=__name__,
        task_version=(version, located.version),
        task_digest=(digest, located.digest),
    )


def builder_of(name: str):  # type: ignore[no-untyped-def]
    """What builds the task from its options."""
    from harness_language_modelling.evaluation import LmEvalTask

    def build(config: LmEvalConfig) -> LmEvalTask:
        return LmEvalTask(located=locate(name), options=config)

    return build


def unsupported_of(name: str):  # type: ignore[no-untyped-def]
    """Says why the task cannot run here."""

    def unsupported(config: LmEvalConfig) -> str | None:
        source = locate(name).fetches
        if not source or _is_cached(source) or _reaches_hub():
            return None
        return (
            f"lm_eval:{name} reads {source} from a hub, and there is no network and no copy in the cache; "
            "run it once where there is one, or choose a task with documents of your own"
        )

    return unsupported


def _is_cached(source: str) -> bool:
    from huggingface_hub.constants import HF_HUB_CACHE

    return os.path.isdir(os.path.join(HF_HUB_CACHE, f"datasets--{source.replace('/', '--')}"))


@lru_cache(maxsize=1)
def _reaches_hub() -> bool:
    if any(os.environ.get(variable, "").lower() in ("1", "true", "yes", "on") for variable in OFFLINE):
        return False
    try:
        with socket.create_connection(HUB, timeout=3.0):
            return True
    except OSError:
        return False
