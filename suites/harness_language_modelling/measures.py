"""Metrics of lm-eval that rows take over, as reductions of what each document gave."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from harness.interfaces import Evidence, Measurement

# lm-eval's name: what a document gives (a value, a logarithm, a sum with its weight), unit, higher is better.
KNOWN: Mapping[str, tuple[str, str, bool]] = {
    "acc": ("value", "fraction", True),
    "acc_norm": ("value", "fraction", True),
    "exact_match": ("value", "fraction", True),
    "f1": ("value", "fraction", True),
    "perplexity": ("logarithm", "", False),
    "word_perplexity": ("weighted", "", False),
    "byte_perplexity": ("weighted", "", False),
    "bits_per_byte": ("weighted", "bits", False),
}
PREFIX = "lm_eval_"
ERROR = "_stderr"
VALIDATION = f"{PREFIX}text_bits_per_byte"
TRUNCATED = f"{PREFIX}truncated_contexts"
OF_OUTPUT = {
    "multiple_choice": ("acc", "acc_norm"),
    "loglikelihood": ("perplexity", "acc"),
    "loglikelihood_rolling": ("word_perplexity", "byte_perplexity", "bits_per_byte"),
    "generate_until": ("exact_match",),
}


def measures_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the rows' metrics for a task's configuration, the headline first, each with its standard error."""
    listed = [str(entry.get("metric")) for entry in config.get("metric_list") or []]
    names = listed or list(OF_OUTPUT.get(str(config.get("output_type", "generate_until")), ()))
    known = [name for name in names if name in KNOWN]
    errors = [f"{PREFIX}{name}{ERROR}" for name in known if KNOWN[name][0] == "value"]
    return (*(f"{PREFIX}{name}" for name in known), *errors)


def acc(evidence: Evidence) -> Measurement:
    return _mean(evidence, "acc")


def acc_norm(evidence: Evidence) -> Measurement:
    return _mean(evidence, "acc_norm")


def exact_match(evidence: Evidence) -> Measurement:
    return _mean(evidence, "exact_match")


def f1(evidence: Evidence) -> Measurement:
    return _mean(evidence, "f1")


def acc_stderr(evidence: Evidence) -> Measurement:
    return _standard_error(evidence, "acc")


def acc_norm_stderr(evidence: Evidence) -> Measurement:
    return _standard_error(evidence, "acc_norm")


def exact_match_stderr(evidence: Evidence) -> Measurement:
    return _standard_error(evidence, "exact_match")


def f1_stderr(evidence: Evidence) -> Measurement:
    return _standard_error(evidence, "f1")


def perplexity(evidence: Evidence) -> Measurement:
    nats = evidence.arrays["perplexity"]
    return Measurement(value=math.exp(-float(nats.mean())), n=len(nats))


def word_perplexity(evidence: Evidence) -> Measurement:
    return _per_weight(evidence, "word_perplexity")


def byte_perplexity(evidence: Evidence) -> Measurement:
    return _per_weight(evidence, "byte_perplexity")


def bits_per_byte(evidence: Evidence) -> Measurement:
    sums, weights = evidence.arrays["bits_per_byte_sum"], evidence.arrays["bits_per_byte_weight"]
    return Measurement(value=-float(sums.sum() / weights.sum()) / math.log(2), n=len(sums))


def text_bits_per_byte(evidence: Evidence) -> Measurement:
    """Of validation text, by which learning rates are chosen: nothing of the task is looked at."""
    nats = evidence.arrays["text_nats"]
    return Measurement(value=float(nats.sum() / evidence.arrays["text_bytes"].sum()) / math.log(2), n=len(nats))


def truncated_contexts(evidence: Evidence) -> Measurement:
    """How many contexts, over all documents, were longer than the model reads."""
    return Measurement(value=float(evidence.arrays["truncated_contexts"].sum()), n=1)


def needs_of(name: str) -> tuple[str, ...]:
    """The arrays of the evidence that a metric of lm-eval reads."""
    return (f"{name}_sum", f"{name}_weight") if KNOWN[name][0] == "weighted" else (name,)


def _mean(evidence: Evidence, name: str) -> Measurement:
    values = evidence.arrays[name]
    return Measurement(value=float(values.mean()), n=len(values))


def _standard_error(evidence: Evidence, name: str) -> Measurement:
    """Of the mean over documents, from the sample's deviation, as lm-eval has it."""
    values = evidence.arrays[name]
    return Measurement(
        value=float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else 0.0, n=len(values)
    )


def _per_weight(evidence: Evidence, name: str) -> Measurement:
    sums, weights = evidence.arrays[f"{name}_sum"], evidence.arrays[f"{name}_weight"]
    return Measurement(value=math.exp(-float(sums.sum() / weights.sum())), n=len(sums))
