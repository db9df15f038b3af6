"""What samples of timed calls come to.

Of the evidence of a whole trial, throughputs are those at the last of the points that were asked for, and 0 where the
model did not get there; everything else is of the last point that was measured. Of a part of it, all are of its point.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.interfaces import Array, Evidence, Measurement

Metric = Callable[[Evidence], Measurement]


def tokens_per_second(evidence: Evidence) -> Measurement:
    return _throughput(evidence, "units")


def examples_per_second(evidence: Evidence) -> Measurement:
    return _throughput(evidence, "examples")


def frames_per_second(evidence: Evidence) -> Measurement:
    return _throughput(evidence, "units")


def call_seconds(evidence: Evidence) -> Measurement:
    return _quantile(evidence, 0.5)


def call_seconds_p10(evidence: Evidence) -> Measurement:
    return _quantile(evidence, 0.1)


def call_seconds_p90(evidence: Evidence) -> Measurement:
    return _quantile(evidence, 0.9)


def first_call_seconds(evidence: Evidence) -> Measurement:
    return _constant(evidence, "first_seconds")


def empty_call_seconds(evidence: Evidence) -> Measurement:
    return _constant(evidence, "empty_seconds")


def call_flops(evidence: Evidence) -> Measurement:
    return _constant(evidence, "flops")


def flops_share(evidence: Evidence) -> Measurement:
    chosen = _last(evidence)
    seconds = np.median(evidence.arrays["seconds"][chosen])
    flops, ceiling = evidence.arrays["flops"][chosen][0], evidence.arrays["flops_ceiling"][chosen][0]
    return Measurement(value=float(flops / seconds / ceiling), n=int(chosen.sum()))


def bytes_per_second(evidence: Evidence) -> Measurement:
    return _throughput_of_last(evidence, "least_bytes")


def times_floor(evidence: Evidence) -> Measurement:
    chosen = _last(evidence)
    seconds = np.median(evidence.arrays["seconds"][chosen])
    return Measurement(value=float(seconds / evidence.arrays["floor_seconds"][chosen][0]), n=int(chosen.sum()))


def allocated_peak_bytes(evidence: Evidence) -> Measurement:
    return _constant(evidence, "peak_bytes")


def parameter_bytes(evidence: Evidence) -> Measurement:
    return _constant(evidence, "parameters_bytes")


def gradient_bytes(evidence: Evidence) -> Measurement:
    return _constant(evidence, "gradients_bytes")


def optimizer_bytes(evidence: Evidence) -> Measurement:
    return _constant(evidence, "optimizer_bytes")


def activation_bytes(evidence: Evidence) -> Measurement:
    return _constant(evidence, "activations_bytes")


def workspace_bytes(evidence: Evidence) -> Measurement:
    return _constant(evidence, "workspace_bytes")


def sequence_state_bytes(evidence: Evidence) -> Measurement:
    return _constant(evidence, "state_bytes")


def joules_per_unit(evidence: Evidence) -> Measurement:
    chosen = _last(evidence)
    joules, units = evidence.arrays["joules"][chosen][0], evidence.arrays["units"][chosen][0]
    return Measurement(value=float(joules / units), n=1)


def largest_batch_that_fits(evidence: Evidence) -> Measurement:
    return longest_that_fits(evidence)


def longest_that_fits(evidence: Evidence) -> Measurement:
    fitting = evidence.arrays["at"][evidence.arrays["fits"] > 0]
    return Measurement(value=float(fitting.max(initial=0)), n=len(evidence.arrays["at"]))


def _last(evidence: Evidence) -> Array:
    """Which entries are of the last point measured."""
    at = evidence.arrays["at"]
    return np.asarray(at == at.max())


def _throughput(evidence: Evidence, what: str) -> Measurement:
    whole = bool(evidence.groups)
    if whole and evidence.arrays["at"].max() < evidence.arrays["last"][0]:
        return Measurement(value=0.0, n=0)
    return _throughput_of_last(evidence, what)


def _throughput_of_last(evidence: Evidence, what: str) -> Measurement:
    chosen = _last(evidence)
    seconds = np.median(evidence.arrays["seconds"][chosen])
    return Measurement(value=float(evidence.arrays[what][chosen][0] / seconds), n=int(chosen.sum()))


def _quantile(evidence: Evidence, level: float) -> Measurement:
    seconds = evidence.arrays["seconds"][_last(evidence)]
    return Measurement(value=float(np.quantile(seconds, level)), n=len(seconds))


def _constant(evidence: Evidence, name: str) -> Measurement:
    return Measurement(value=float(evidence.arrays[name][_last(evidence)][0]), n=1)
