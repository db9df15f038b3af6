"""The fit loop: spends a budget on a learner, notices divergence, keeps time, says how it goes."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import torch

from harness.interfaces import Budget, FitOutcome, Learner, PlansSteps, Record
from harness.runtime.pacing import pace_of

BatchType = TypeVar("BatchType")


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
    Where time alone ends the training, a learner that plans its steps is told how many to expect at each look.
    Raises Diverged when the recorded loss is NaN or infinite.
    """
    pace = pace_of(budget, validations if validate is not None else 0)
    planner = learner if budget.steps == 0 and isinstance(learner, PlansSteps) else None
    examples = tokens = step = window = 0
    seconds, rates, loss = 0.0, [], math.nan
    to_target: float | None = None
    if planner is not None:
        planner.expect_steps(pace.expected)
    started = time.perf_counter()
    while not pace.is_over:
        step += 1
        batch = next(batches)
        values = learner.train_step(batch)
        new_examples, new_tokens = count(batch)
        examples, tokens, window = examples + new_examples, tokens + new_tokens, window + 1
        if not pace.is_due(step):
            continue
        numbers = {name: float(value) for name, value in values.items()}
        if device is not None and device.type == "cuda":
            torch.cuda.synchronize(device)
        elapsed = time.perf_counter() - started
        seconds, loss = seconds + elapsed, numbers["loss"]
        rates.append(elapsed / window)
        window = 0
        validates = pace.look(step, seconds)
        if planner is not None:
            planner.expect_steps(pace.expected)
        if not math.isfinite(loss):
            raise Diverged(f"the loss is {loss} at step {step} of {pace.expected}")
        if validate is not None and validates:
            validated = validate()
            numbers |= validated
            if to_target is None and reached is not None and reached(validated):
                to_target = seconds
        record(step, numbers | {"seconds": seconds})
        started = time.perf_counter()
    return FitOutcome(
        steps=step,
        examples=examples,
        tokens=tokens,
        seconds=seconds,
        step_seconds_median=statistics.median(rates),
        final_loss=loss,
        stopped=pace.stopped,
        seconds_to_target=to_target,
    )
