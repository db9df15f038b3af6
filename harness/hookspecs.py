"""What a plugin can register: one bodiless function per hook. All return values; none receives a registry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from harness.specs import (
        DatasetSpec,
        ExecutorSpec,
        KernelSpec,
        MetricSpec,
        ModelSpec,
        OpSpec,
        PublishedTable,
        ReporterSpec,
        SuiteSpec,
        TaskFamily,
        TaskSpec,
    )

hookspec = pluggy.HookspecMarker("harness")
hookimpl = pluggy.HookimplMarker("harness")


@hookspec
def harness_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Datasets that tasks can ask for."""


@hookspec
def harness_tasks() -> Iterable[TaskSpec]:  # type: ignore[empty-body]
    """Tasks: data, protocol and evaluation."""


@hookspec
def harness_task_families() -> Iterable[TaskFamily]:  # type: ignore[empty-body]
    """Tasks that somebody else names: `task=FAMILY:NAME`."""


@hookspec
def harness_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """Architectures."""


@hookspec
def harness_metrics() -> Iterable[MetricSpec]:  # type: ignore[empty-body]
    """Metrics: reductions of the evidence that a task leaves."""


@hookspec
def harness_ops() -> Iterable[OpSpec]:  # type: ignore[empty-body]
    """Operations with a definition, inputs and tolerances."""


@hookspec
def harness_kernels() -> Iterable[KernelSpec]:  # type: ignore[empty-body]
    """Implementations of operations, one's own or anyone's."""


@hookspec
def harness_suites() -> Iterable[SuiteSpec]:  # type: ignore[empty-body]
    """Suites: TOML files that say what is compared and how."""


@hookspec
def harness_executors() -> Iterable[ExecutorSpec]:  # type: ignore[empty-body]
    """Places where trials run."""


@hookspec
def harness_reporters() -> Iterable[ReporterSpec]:  # type: ignore[empty-body]
    """Forms of report."""


@hookspec
def harness_published_results() -> Iterable[PublishedTable]:  # type: ignore[empty-body]
    """Tables of numbers that papers print, by the tasks that they stand beside."""


@hookspec
def harness_trial_started(trial: Any) -> None:
    """A trial was handed to the executor. Raising here is reported and stops nothing."""


@hookspec
def harness_trial_finished(trial: Any, row: Mapping[str, Any]) -> None:
    """A trial left its row. Raising here is reported and stops nothing."""


@hookspec
def harness_describe_machine() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Facts about the machine to add to every row's `machine_extra`."""
