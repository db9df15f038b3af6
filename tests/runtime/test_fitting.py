import itertools
import math

import pytest
import torch

from harness.interfaces import Budget, Training
from harness.runtime.fitting import Diverged, fit
from harness.runtime.learning import mean_over_sequence
from harness.runtime.optimization import schedule


class Scripted:
    """A learner whose losses are given."""

    def __init__(self, losses):
        self.module = torch.nn.Linear(1, 1)
        self._losses = iter(losses)

    def train_step(self, batch):
        return {"loss": torch.tensor(next(self._losses))}


def run(losses, steps, **options):
    seen = []
    outcome = fit(
        Scripted(losses),
        itertools.repeat(None),
        budget=options.pop("budget", Budget(steps=steps)),
        record=lambda step, values: seen.append((step, dict(values))),
        count=lambda batch: (2, 10),
        **options,
    )
    return outcome, seen


def test_the_budget_is_spent_exactly():
    outcome, _ = run(itertools.repeat(1.0), 7)
    assert (outcome.steps, outcome.examples, outcome.tokens, outcome.stopped) == (7, 14, 70, "")


def test_the_last_step_is_recorded():
    _, seen = run(itertools.count(), 250)
    assert seen[-1][0] == 250


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_ends_the_fit(bad):
    with pytest.raises(Diverged, match="at step 3 of 9"):
        run([1.0, 1.0, bad], 9)


def test_a_time_budget_ends_the_fit_and_says_so():
    outcome, _ = run(itertools.repeat(1.0), 0, budget=Budget(steps=10**6, seconds=0.0))
    assert outcome.steps < 10**6
    assert "time budget of 0 s" in outcome.stopped


def test_validation_runs_as_often_as_asked_and_the_target_is_timed():
    values = iter([0.1, 0.6, 0.9])
    outcome, seen = run(
        itertools.repeat(1.0),
        30,
        validate=lambda: {"validation": next(values)},
        validations=3,
        reached=lambda found: found["validation"] > 0.5,
    )
    assert [step for step, found in seen if "validation" in found] == [10, 20, 30]
    assert 0 < outcome.seconds_to_target < outcome.seconds


def test_the_schedule_warms_up_linearly_and_ends_at_its_final_fraction():
    training = Training(warmup_fraction=0.1, final_fraction=0.2)
    factors = [schedule(step, 100, training) for step in range(101)]
    assert factors[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert factors[100] == pytest.approx(0.2)
    assert max(factors) == pytest.approx(1.0)


def test_the_mean_over_a_sequence_leaves_padding_out():
    logits = torch.tensor([[[1.0], [3.0], [100.0]], [[2.0], [4.0], [6.0]]])
    assert mean_over_sequence(logits, torch.tensor([2, 3])).flatten().tolist() == [2.0, 4.0]
