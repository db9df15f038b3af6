"""When a fit looks at its loss, when it validates, and when it is over."""

from __future__ import annotations

from typing import Protocol

from harness.interfaces import Budget

RECORDS = 100
BEFORE_ANY_STEP = 1_000_000
"""Steps to expect while nothing is known, so many that a schedule which warms up begins at its beginning."""


class Pace(Protocol):
    """The course of one fit."""

    is_over: bool
    expected: int
    """Steps in all, as far as is known."""
    stopped: str
    """Why it is over before its steps were made."""

    def is_due(self, step: int) -> bool:
        """Whether to look after this step."""
        ...

    def look(self, step: int, seconds: float) -> bool:
        """Take in how long the steps took; whether it is time to validate."""
        ...


def pace_of(budget: Budget, validations: int) -> Pace:
    """That of a budget of steps, or of one of seconds alone."""
    return PaceBySteps(budget, validations) if budget.steps else PaceByTime(budget.seconds or 0.0, validations)


class PaceBySteps:
    """Ends after its steps, or at a look after its seconds."""

    def __init__(self, budget: Budget, validations: int) -> None:
        self.is_over = False
        self.expected = budget.steps
        self.stopped = ""
        self._seconds = budget.seconds
        self._every = max(1, budget.steps // RECORDS)
        self._validate_at = {round(budget.steps * (i + 1) / validations) for i in range(validations)}

    def is_due(self, step: int) -> bool:
        return not step % self._every or step in self._validate_at or step == self.expected

    def look(self, step: int, seconds: float) -> bool:
        self.is_over = step == self.expected
        if self._seconds is not None and seconds >= self._seconds and not self.is_over:
            self.is_over = True
            self.stopped = f"the time budget of {self._seconds:g} s was used after {step} of {self.expected} steps"
        return step in self._validate_at


class PaceByTime:
    """Ends at the first step after its seconds; the looks are a hundredth of them apart, judged by the last steps.

    How many steps there will be is judged by all but the first, which often takes longer than any other.
    """

    def __init__(self, seconds: float, validations: int) -> None:
        self.is_over = False
        self.expected = BEFORE_ANY_STEP
        self.stopped = ""
        self._seconds = seconds
        self._validate_at = [seconds * (i + 1) / validations for i in range(validations)]
        self._due = 1
        self._first_seconds = 0.0
        self._looked_at = (0, 0.0)

    def is_due(self, step: int) -> bool:
        return step == self._due

    def look(self, step: int, seconds: float) -> bool:
        last_step, last_seconds = self._looked_at
        step_seconds = (seconds - last_seconds) / (step - last_step)
        self._looked_at = (step, seconds)
        self.is_over = seconds >= self._seconds
        left = self._seconds - seconds
        if self.is_over:
            self.expected = step
        elif step == 1:
            self._first_seconds = seconds
        else:
            self.expected = step + max(1, round(left * (step - 1) / (seconds - self._first_seconds)))
        self._due = step + max(1, int(min(self._seconds / RECORDS, left) / step_seconds))
        passed = [moment for moment in self._validate_at if moment <= seconds]
        self._validate_at = self._validate_at[len(passed) :]
        return bool(passed)
