"""The fit loop: spends a budget on a learner, notices divergence, keeps time, says how it goes."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import torch

from harness.interfaces import Budget, FitOutcome, Learner, Record

BatchType = TypeVar("BatchType")
RECORDS = 100


class Diverged(Exception):
    """The loss is no longer a finite number."""


def fit(
    learner: Learner,
    batches: Iterator[BatchType],
    *,
    budget: Budget,
    record: Record,
    count: Callable[[BatchType], tuple[int, int]],
    validate: Callable[[], Mapping[str, float]] | None = None,
    validations: int = 0,
    reached: Callable[[Mapping[str, float]], bool] | None = None,
    device: torch.device | None = None,
) -> FitOutcome:
    """Train until the budget is spent.

    `count(batch)` gives its examples and tokens. The loss is looked at about a hundred times in a run, so that a
    device is not made to wait at every step; each of those moments calls `record(step, values)`. `validate()` runs
    `validations` times, evenly spaced, and its time is not counted; `reached(values)` says when the target is met.
    Raises Diverged when the recorded loss is NaN or infinite.
    """
    every = max(1, budget.steps // RECORDS)
    validate_at = {round(budget.steps * (i + 1) / validations) for i in range(validations)} if validate else set()
    examples = tokens = steps = window = 0
    seconds, rates, loss, stopped = 0.0, [], math.nan, ""
    to_target: float | None = None
    started = time.perf_counter()
    for step in range(1, budget.steps + 1):
        batch = next(batches)
        values = learner.train_step(batch)
        new_examples, new_tokens = count(batch)
        examples, tokens, steps, window = examples + new_examples, tokens + new_tokens, step, window + 1
        if step % every and step not in validate_at and step != budget.steps:
            continue
        numbers = {name: float(value) for name, value in values.items()}
        if device is not None and device.type == "cuda":
            torch.cuda.synchronize(device)
        elapsed = time.perf_counter() - started
        seconds, loss = seconds + elapsed, numbers["loss"]
        rates.append(elapsed / window)
        window = 0
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss} at step {step} of {budget.steps}")
        if validate is not None and step in validate_at:
            validated = validate()
            numbers |= validated
            if to_target is None and reached is not None and reached(validated):
                to_target = seconds
        record(step, numbers | {"seconds": seconds})
        if budget.seconds is not None and seconds >= budget.seconds and step < budget.steps:
            stopped = f"the time budget of {budget.seconds:g} s was used after {step} of {budget.steps} steps"
            break
        started = time.perf_counter()
    return FitOutcome(
        steps=steps,
        examples=examples,
        tokens=tokens,
        seconds=seconds,
        step_seconds_median=statistics.median(rates),
        final_loss=loss,
        stopped=stopped,
        seconds_to_target=to_target,
    )
