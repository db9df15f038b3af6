import math

import numpy as np
import pytest

from harness.interfaces import Budget
from harness.runtime.fitting import Diverged
from harness_atari.chain import RIGHT, Chain
from harness_atari.learning import average_max_q, learn

STATES = np.eye(5, dtype=np.float32)


def learned(learner, records=None, num_envs=2, **budget):
    kept = [] if records is None else records
    return learn(
        learner,
        Chain(5, num_envs=num_envs, seed=0),
        held_out=STATES,
        frames_per_step=4,
        budget=Budget(**budget),
        record=lambda step, values: kept.append((step, dict(values))),
    )


def test_steps_count_the_actions_of_all_environments(fixed):
    learner = fixed((0.0, 1.0))
    outcome = learned(learner, steps=40)
    assert (outcome.steps, outcome.examples, len(learner.seen)) == (40, 40, 20)


def test_the_last_round_is_a_whole_one(fixed):
    assert learned(fixed((0.0, 1.0)), steps=7, num_envs=3).steps == 9


def test_about_a_hundred_records_of_which_the_last_is_of_the_last_step(fixed):
    records = []
    learned(fixed((0.0, 1.0), loss=0.5), records, steps=2_000)
    assert len(records) == 100
    assert records[-1][0] == 2_000
    assert records[-1][1] | {"seconds": 0} == {
        "loss": 0.5, "training_score": 1.0, "average_max_q": 1.0, "frames": 8_000.0, "seconds": 0
    }  # fmt: skip


def test_an_agent_without_updates_has_no_loss(fixed):
    records = []
    outcome = learned(fixed((0.0, 1.0)), records, steps=10)
    assert math.isnan(outcome.final_loss)
    assert all(math.isnan(values["loss"]) for _, values in records)


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_ends_the_trial(fixed, loss):
    with pytest.raises(Diverged, match="the loss is"):
        learned(fixed((0.0, 1.0), loss=loss), steps=10)


def test_the_time_budget_ends_it_and_says_so(fixed):
    outcome = learned(fixed((0.0, 1.0)), steps=10**9, seconds=0.05)
    assert outcome.stopped == f"the time budget of 0.05 s was used after {outcome.steps} of 1000000000 steps"
    assert 0.05 <= outcome.seconds < 5


def test_an_agent_that_is_done_ends_it_and_says_so(finished):
    records = []
    outcome = learned(finished(rounds=3), records, steps=10_000)
    assert outcome.stopped == f"nothing was left to learn after {outcome.steps} of 10000 steps"
    assert outcome.steps == records[-1][0] == 6


def test_an_agent_that_is_done_with_its_last_step_was_not_stopped(finished):
    assert learned(finished(rounds=3), steps=6).stopped == ""


def test_the_learner_sees_what_its_actions_led_to(fixed):
    learner = fixed((0.0, 1.0))
    learned(learner, steps=20)
    for before, after in zip(learner.seen, learner.seen[1:], strict=False):
        goes_on = ~before.restarted
        np.testing.assert_array_equal(before.next_observations[goes_on], after.observations[goes_on])
    assert all((step.actions == RIGHT).all() for step in learner.seen)


def test_the_average_is_of_the_largest_values(fixed):
    assert average_max_q(fixed((3.0, -1.0, 2.0)), STATES) == 3.0
