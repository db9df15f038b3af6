"""Evidence and what the metrics make of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from harness.errors import PluginError
from harness.interfaces import Evidence, Illustrates, LeavesReferenceEvidence, Measurement
from harness.runtime.context import TrialContext
from harness.specs import MetricSpec


def gather_evidence(context: TrialContext, learner: Any, split: str) -> Evidence:
    """What the learner does on a split, in evaluation mode and without gradients."""
    learner.module.eval()
    with torch.no_grad():
        return context.task.evaluate(
            learner, context.data, split, training=context.trial.training, device=context.device
        )


def compute(metric: MetricSpec, evidence: Evidence) -> Measurement:
    measurement: Measurement = metric.compute.load()(evidence)
    return measurement


def measure_test(context: TrialContext, learner: Any) -> list[dict[str, Any]]:
    """Every metric on the test split, sliced by its groups, and on the extra splits; the headline comes first."""
    evidence = gather_evidence(context, learner, "test")
    metrics = applicable(context.metrics, evidence)
    found = [_entry(metric, metric.name, compute(metric, evidence)) for metric in metrics]
    for metric in metrics:
        for group in metric.by:
            found += [
                _entry(metric, f"{metric.name}[{group}={label}]", compute(metric, part))
                for label, part in _grouped(evidence, group)
            ]
    for split, label in context.task.extra_splits.items():
        extra = gather_evidence(context, learner, split)
        of_extra = applicable(context.metrics, extra)
        found += [_entry(metric, f"{metric.name}[{label}]", compute(metric, extra)) for metric in of_extra]
    return found


def reference_levels(context: TrialContext) -> Mapping[str, float]:
    """What scores without learning: by the baseline's name for the headline, as `metric:baseline` for other metrics."""
    levels = dict(context.task.references(context.data))
    if isinstance(context.task, LeavesReferenceEvidence):
        for name, evidence in context.task.reference_evidence(context.data, context.device):
            for metric in context.metrics:
                if all(array in evidence.arrays for array in metric.needs):
                    label = name if metric is context.metrics[0] else f"{metric.name}:{name}"
                    levels[label] = float(compute(metric, evidence).value)
    return levels


def applicable(metrics: Sequence[MetricSpec], evidence: Evidence) -> list[MetricSpec]:
    """Those metrics whose needs the evidence holds, in their order.

    Raises PluginError when the headline, the first of them, is not among these, or a metric finds a part of its needs.
    """
    for metric in metrics:
        lacking = [name for name in metric.needs if name not in evidence.arrays]
        if lacking and (metric is metrics[0] or len(lacking) < len(metric.needs)):
            raise PluginError(
                f"metric {metric.name} needs {', '.join(metric.needs)}; the evidence lacks {', '.join(lacking)}; "
                "a task leaves all that a metric needs, or none, and what its headline needs always"
            )
    return [metric for metric in metrics if all(name in evidence.arrays for name in metric.needs)]


def illustrated(context: TrialContext, learner: Any) -> Mapping[str, bytes]:
    """The pictures that the task makes of what was learnt."""
    assert isinstance(context.task, Illustrates)
    learner.module.eval()
    with torch.no_grad():
        return context.task.illustrate(learner, context.data, training=context.trial.training, device=context.device)


def _grouped(evidence: Evidence, group: str) -> Iterator[tuple[Any, Evidence]]:
    if group not in evidence.groups:
        return
    labels = evidence.groups[group]
    for label in np.unique(labels):
        chosen = labels == label
        # What has another number of entries is not about these examples, such as features of samples.
        parts = {name: array[chosen] if len(array) == len(labels) else array for name, array in evidence.arrays.items()}
        yield label, Evidence(arrays=parts)


def _entry(metric: MetricSpec, name: str, measurement: Measurement) -> dict[str, Any]:
    return {
        "name": name,
        "value": float(measurement.value),
        "unit": metric.unit,
        "higher_is_better": metric.higher_is_better,
        "n": int(measurement.n),
    }
