"""What the fit loop itself costs."""

from __future__ import annotations

import itertools

from history.absence import skipping_what_is_absent


class Idle:
    """A learner whose step does nothing."""

    def train_step(self, batch: object) -> dict[str, float]:
        return {"loss": 0.0}


class Loop:
    """A thousand steps of a learner that does nothing, so that a millisecond is a microsecond a step."""

    def setup(self) -> None:
        with skipping_what_is_absent():
            from harness.interfaces import Budget
            from harness.runtime.fitting import fit
        self.fit, self.budget = fit, Budget(steps=1000)

    def time_thousand_steps(self) -> None:
        self.fit(
            Idle(),
            itertools.repeat(None),
            budget=self.budget,
            record=lambda step, values: None,
            count=lambda batch: (1, 1),
        )
