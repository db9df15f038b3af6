"""Points along a line, each measured in turn with the others: time, memory, operations."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import nn

from harness.errors import PluginError
from harness.interfaces import (
    Budget,
    DataDescription,
    Dataset,
    Evidence,
    FitOutcome,
    Instruments,
    MemoryUse,
    Record,
    Streams,
    Training,
)
from harness.kernels.conditions import Conditions
from harness.kernels.costs import Work, floor
from harness.kernels.timing import Timing, interleaved, precise
from harness.runtime.failures import MEMORY_ERRORS, first_line, is_out_of_memory

EMPTY = "empty"
DEFAULT_SECONDS = 5.0
MEMORY_KINDS = ("parameters", "gradients", "optimizer", "activations", "workspace", "peak")


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """What is timed at a point: `examples` are handled by one call, in `units` such as tokens, by `module`.

    `empty` does the same with a model that computes nothing, so that its time is what surrounds a model.
    `state_bytes` is what the model carries from call to call for one sequence. `work` is what a call cannot do without,
    where a cost model tells; else it is made of what was measured.
    """

    call: Callable[[], object]
    module: nn.Module
    examples: int
    units: int
    empty: Callable[[], object] | None = None
    state_bytes: int | None = None
    work: Work | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A workload with what its first call took, in seconds; compilation is in it."""

    at: int
    workload: Workload
    first_seconds: float


class CostOptions(Protocol):
    """Options that every task of this kind has."""

    @property
    def call_seconds(self) -> float:
        """A point whose first call takes longer is not timed, nor are those beyond it."""
        ...

    @property
    def precision(self) -> float:
        """Rounds end once the 95% interval of every median is narrower than this share of it."""
        ...

    @property
    def ceilings(self) -> bool:
        """Whether to measure what the device can do at most, and the share of it that a call reaches."""
        ...


@dataclass(kw_only=True)
class CostCurveTask(ABC):
    """A task that learns nothing: it measures the model at growing points, in rounds that take all points in turn.

    `budget.steps` is the most rounds, `budget.seconds` the time for them. Points that do not fit the memory, or whose
    first call takes longer than the options allow, end the line; the row says so. The evidence has an entry for each
    sample: `seconds`, beside it what belongs to its point, and the points' values as the group `along`.
    """

    options: CostOptions
    instruments: Instruments | None = None
    dataset: None = None
    extra_splits: Mapping[str, str] = field(default_factory=dict)
    evidence: Evidence | None = None

    @property
    @abstractmethod
    def along(self) -> str:
        """What the points are values of."""

    @property
    @abstractmethod
    def points(self) -> Sequence[int]:
        """Values, growing."""

    @abstractmethod
    def describe(self) -> DataDescription: ...

    @abstractmethod
    def workloads(self, learner: Any, training: Training, device: torch.device) -> Iterator[Workload]:
        """One for each point, in their order, made when it is asked for."""

    def with_instruments(self, instruments: Instruments) -> Self:
        return replace(self, instruments=instruments)

    @property
    def measured_with(self) -> Instruments:
        if self.instruments is None:
            raise PluginError(f"{type(self).__name__} measures and got nothing to measure with; call with_instruments")
        return self.instruments

    def fit(
        self,
        learner: Any,
        data: Dataset | None,
        *,
        training: Training,
        budget: Budget,
        streams: Streams,
        device: torch.device,
        record: Record,
    ) -> FitOutcome:
        """Measure; what was found is the evidence, and the samples of each round go to `record`."""
        started = time.perf_counter()
        points, ended = self._started(self.workloads(learner, training, device))
        timings = interleaved(
            _calls(points),
            device,
            budget.seconds or DEFAULT_SECONDS,
            enough=precise(self.options.precision),
            most_rounds=budget.steps,
        )
        rounds = min(len(timing.samples) for timing in timings.values())
        for number in range(rounds):
            record(number + 1, {_sampled(self.along, name): timing.samples[number] for name, timing in timings.items()})
        record(rounds, _noted(timings.before, "before") | _noted(timings.after, "after"))
        self.evidence = self._evidence(points, timings)
        return FitOutcome(
            steps=rounds,
            examples=rounds * sum(point.workload.examples for point in points),
            tokens=rounds * sum(point.workload.units for point in points),
            seconds=time.perf_counter() - started,
            step_seconds_median=timings[str(points[-1].at)].p50,
            final_loss=math.nan,
            stopped=ended,
        )

    def evaluate(
        self, learner: Any, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """One entry for each sample of each point; what belongs to the point stands beside each of its samples."""
        if self.evidence is None:
            raise PluginError(f"{type(self).__name__} was asked for evidence before it measured; call fit first")
        return self.evidence

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        return {}

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> None:
        """None: operations and state are measured at every point."""
        return

    def _started(self, workloads: Iterator[Workload]) -> tuple[list[Point], str]:
        """The points that can be measured, each called once, and why the others cannot."""
        found: list[Point] = []
        for at in self.points:
            started = time.perf_counter()
            try:
                workload = next(workloads)
                started = time.perf_counter()
                workload.call()
            except MEMORY_ERRORS as error:
                if not is_out_of_memory(error) or not found:
                    raise
                return found, f"{self.along} {at} does not fit the memory ({first_line(error)})"
            seconds = time.perf_counter() - started
            if seconds > self.options.call_seconds and found:
                return found, f"{self.along} {at} takes {seconds:.3g} s, more than {self.options.call_seconds:g} s"
            found.append(Point(at=at, workload=workload, first_seconds=seconds))
        return found, ""

    def _evidence(self, points: Sequence[Point], timings: Mapping[str, Timing]) -> Evidence:
        ceilings = self.measured_with.ceilings() if self.options.ceilings else None
        columns: dict[str, list[float]] = {}
        for point in points:
            samples = timings[str(point.at)].samples
            row, work = self._measured(point)
            row |= {"last": self.points[-1], "least_bytes": work.bytes}
            if point.workload.empty is not None:
                row["empty_seconds"] = timings[f"{EMPTY} {point.at}"].p50
            if ceilings is not None:
                row |= {"flops_ceiling": ceilings.matrix_flops_per_second, "floor_seconds": floor(work, ceilings)[0]}
            for name, value in row.items():
                columns.setdefault(name, []).extend([value] * len(samples))
            columns.setdefault("seconds", []).extend(samples)
        arrays = {name: np.array(values, dtype=np.float64) for name, values in columns.items()}
        return Evidence(arrays=arrays, groups={self.along: arrays["at"].astype(np.int64)})

    def _measured(self, point: Point) -> tuple[dict[str, float], Work]:
        """Everything about a point but its samples, and the work that a call cannot do without."""
        instruments, workload = self.measured_with, point.workload
        use: MemoryUse = instruments.memory(workload.call, workload.module)
        found: dict[str, float] = {
            "at": point.at,
            "units": workload.units,
            "examples": workload.examples,
            "first_seconds": point.first_seconds,
            "flops": instruments.operations(workload.call),
            **{f"{kind}_bytes": getattr(use, kind) for kind in MEMORY_KINDS},
        }
        if workload.state_bytes is not None:
            found["state_bytes"] = workload.state_bytes
        joules = instruments.joules(workload.call)
        if joules is not None:
            found["joules"] = joules
        return found, workload.work or _least_work(use, found["flops"], (workload.state_bytes or 0) * workload.examples)


def _least_work(use: MemoryUse, flops: float, state_bytes: int) -> Work:
    """The operations that were counted, and one journey for each byte of parameters and state that is read, two for
    what is kept for the backward pass, for gradients and for the optimiser's state, all written and read."""
    moved = use.parameters + state_bytes + 2 * (use.gradients + use.optimizer + use.activations)
    return Work(bytes=moved, matrix_flops=flops)


def _calls(points: Sequence[Point]) -> dict[str, Callable[[], object]]:
    calls: dict[str, Callable[[], object]] = {}
    for point in points:
        calls[str(point.at)] = point.workload.call
        if point.workload.empty is not None:
            calls[f"{EMPTY} {point.at}"] = point.workload.empty
    return calls


def _sampled(along: str, name: str) -> str:
    """What a point's samples are called in the curves that the row leaves."""
    kind, _, at = name.rpartition(" ")
    return f"{kind + '_' if kind else ''}seconds[{along}={at}]"


def _noted(conditions: Conditions, when: str) -> dict[str, float]:
    """What the machine did, as far as it says."""
    found = {
        "load": conditions.load,
        "cpu_megahertz": conditions.cpu_megahertz,
        "gpu_megahertz": conditions.gpu_megahertz,
    }
    return {f"{name}_{when}": value for name, value in found.items() if value is not None}
