import itertools
from dataclasses import dataclass, field

import pytest
import torch

from harness.interfaces import Budget, Training
from harness.runtime.fitting import fit
from harness.runtime.learning import DefaultTokenLearner
from harness.runtime.optimization import schedule
from harness.runtime.pacing import BEFORE_ANY_STEP, PaceByTime


@dataclass
class Course:
    """What a fit of steps of given lengths does, on a clock that only they move."""

    looks: list[int] = field(default_factory=list)
    expected: list[int] = field(default_factory=list)
    validated: list[int] = field(default_factory=list)
    seconds: float = 0.0


def follow(pace, lengths):
    course = Course()
    for step, length in enumerate(lengths, start=1):
        course.seconds += length
        if pace.is_due(step):
            course.looks.append(step)
            if pace.look(step, course.seconds):
                course.validated.append(step)
            course.expected.append(pace.expected)
        if pace.is_over:
            return course
    raise AssertionError("the pace never ended")


@pytest.mark.parametrize("length", [1e-5, 0.013, 0.4], ids=["fast", "usual", "slow"])
def test_the_time_is_spent_and_not_more_than_a_step_of_it_too_much(length):
    course = follow(PaceByTime(10.0, 0), itertools.repeat(length))
    assert 10.0 <= course.seconds <= 10.0 + 1.01 * length
    assert len(course.looks) <= 120


def test_a_slow_first_step_does_not_shorten_the_schedule():
    course = follow(PaceByTime(10.0, 0), itertools.chain([1.0], itertools.repeat(0.01)))
    assert course.expected[0] == BEFORE_ANY_STEP
    assert all(abs(steps - 901) <= 1 for steps in course.expected[1:])


def test_what_is_expected_follows_the_speed():
    course = follow(PaceByTime(10.0, 0), itertools.chain(itertools.repeat(0.01, 500), itertools.repeat(0.02)))
    assert course.expected[1] == pytest.approx(1000, abs=2)
    assert course.expected[-1] == course.looks[-1] == pytest.approx(750, abs=2)


def test_validations_are_spread_over_the_time_and_the_last_is_at_its_end():
    course = follow(PaceByTime(10.0, 4), itertools.repeat(0.01))
    assert course.validated == pytest.approx([250, 500, 750, 1000], abs=10)
    assert course.validated[-1] == course.looks[-1]


def test_a_fit_of_seconds_alone_ends_with_them_and_its_schedule_with_it():
    rates = []

    class Learner(DefaultTokenLearner):
        def train_step(self, batch):
            values = super().train_step(batch)
            rates.append(self._optimization._optimizer.param_groups[0]["lr"])
            return values

    from harness.interfaces import TokenBatch

    module = torch.nn.Sequential(torch.nn.Embedding(5, 64), torch.nn.Linear(64, 5))
    tokens = torch.zeros(8, 64, dtype=torch.long)
    outcome = fit(
        Learner(module, training=Training(learning_rate=1.0, warmup_fraction=0.2), steps=0),
        itertools.repeat(TokenBatch(inputs=tokens, targets=tokens)),
        budget=Budget(steps=0, seconds=0.5),
        record=lambda step, values: None,
        count=lambda batch: (8, 512),
    )
    assert outcome.seconds == pytest.approx(0.5, rel=0.1)
    assert (outcome.stopped, outcome.steps) == ("", len(rates))
    assert rates[0] < 1e-3 < 0.9 < max(rates)
    assert rates[-1] < 0.05


def test_a_schedule_told_of_its_steps_is_the_one_that_knew_them():
    training = Training()
    learner = DefaultTokenLearner(torch.nn.Embedding(5, 5), training=training, steps=0)
    learner.expect_steps(40)
    assert learner._optimization._steps == 40
    assert schedule(3, 40, training) == 1.0
