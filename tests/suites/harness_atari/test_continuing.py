"""A loop that was ended goes on from its checkpoint: all but the games is as it was."""

import copy

import numpy as np
import pytest
import torch

from harness.interfaces import Budget, Training
from harness.runtime.checkpoints import FileCheckpoints
from harness.runtime.seeding import SeedStreams
from harness_atari.acting_task import seed_stream
from harness_atari.chain import Chain
from harness_atari.learning import learn, saved_step
from harness_atari.options import ChainOptions
from harness_atari.tasks import chain

STEPS = 400
CONTINUED = "the learner and its replay intact, games began anew"


class Ended(Exception):
    """What ends a fitting in the middle."""


class EveryRound(FileCheckpoints):
    """Checkpoints that are due at once."""

    def due(self):
        return True


class Curve(list):
    """What was recorded; at one of the steps it ends the fitting."""

    def __init__(self, until=None):
        self.until = until

    def __call__(self, step, values):
        self.append((step, dict(values)))
        if step == self.until:
            raise Ended

    @property
    def steps(self):
        return [step for step, _ in self]


@pytest.fixture
def kept(tmp_path):
    return EveryRound(tmp_path / "0.pt", seconds=0)


def learned(learner, curve, checkpoints=None, *, saved=None, seed=0, overlap=False):
    return learn(
        learner,
        Chain(5, num_envs=4, seed=seed),
        held_out=np.eye(5, dtype=np.float32),
        frames_per_step=1,
        budget=Budget(steps=STEPS),
        record=curve,
        overlap=overlap,
        checkpoints=checkpoints,
        saved=saved,
    )


def interrupted(learner, checkpoints, until, **options):
    with pytest.raises(Ended):
        learned(learner, Curve(until), checkpoints, **options)
    return checkpoints.load()


@pytest.mark.parametrize("overlap", [False, True], ids=["in-turn", "side-by-side"])
def test_the_curve_is_whole_and_its_beginning_is_what_it_was(tabular, kept, overlap):
    whole, taken_up = Curve(), Curve()
    learned(tabular(), whole, overlap=overlap)
    saved = interrupted(tabular(), kept, 200, overlap=overlap)
    outcome = learned(tabular(), taken_up, kept, saved=saved, seed=1, overlap=overlap)
    assert taken_up.steps == whole.steps
    assert [values["loss"] for _, values in taken_up[1:49]] == [values["loss"] for _, values in whole[1:49]]
    assert (outcome.steps, outcome.examples) == (STEPS, STEPS)
    assert outcome.continued == f"continued once, at step 200 of 400: {CONTINUED}"


def test_what_was_not_interrupted_says_nothing_of_it(tabular, kept):
    assert learned(tabular(), Curve(), kept).continued == ""


def test_checkpoints_change_nothing(tabular, kept):
    with_them, without = tabular(), tabular()
    learned(with_them, Curve(), kept)
    torch.manual_seed(0)
    learned(without, Curve())
    np.testing.assert_array_equal(with_them.table, without.table)


def test_the_round_in_which_it_was_saved_is_learnt_from_as_left_unfinished(tabular, kept):
    first, second = tabular(), tabular()
    saved = interrupted(first, kept, 200)
    learned(second, Curve(), saved=saved, seed=1)
    before, after = first.seen[-1], second.seen[0]
    np.testing.assert_array_equal(after.next_observations, before.next_observations)
    np.testing.assert_array_equal(after.terminated, before.terminated)
    np.testing.assert_array_equal(after.truncated, before.truncated)
    assert after.restarted.all()
    assert len(second.seen) == 1 + (STEPS - 200) // 4


def test_a_state_that_is_gone_on_from_twice_gives_the_same_twice(tabular, kept):
    saved = copy.deepcopy(interrupted(tabular(), kept, 200))
    tables = []
    for _ in range(2):
        kept.load()
        learner = tabular()
        torch.manual_seed(7)
        learned(learner, Curve(), saved=saved, seed=1)
        tables.append(learner.table)
    np.testing.assert_array_equal(*tables)


def test_each_time_is_said(tabular, kept):
    interrupted(tabular(), kept, 100)
    saved = interrupted(tabular(), kept, 300, saved=kept.load())
    outcome = learned(tabular(), Curve(), saved=saved)
    assert outcome.continued == f"continued 2 times, at step 100, 300 of 400: {CONTINUED}"


def test_one_that_was_ended_in_its_last_round_is_finished(tabular, kept):
    saved = interrupted(tabular(), kept, STEPS)
    assert saved_step(saved) == STEPS
    curve = Curve()
    assert learned(tabular(), curve, saved=saved).steps == STEPS
    assert curve.steps[-1] == STEPS


def test_time_goes_on_from_what_was_used(tabular, kept):
    until = Curve(200)
    with pytest.raises(Ended):
        learned(tabular(), until, kept)
    curve = Curve()
    outcome = learned(tabular(), curve, saved=kept.load())
    assert outcome.seconds > curve[49][1]["seconds"] > curve[48][1]["seconds"] == until[48][1]["seconds"]


def test_an_agent_that_has_no_state_is_trained_without_checkpoints(fixed, tmp_path):
    path = tmp_path / "0.pt"
    assert learned(fixed((0.0, 1.0)), Curve(), EveryRound(path, seconds=0)).steps == STEPS
    assert not path.exists()


def test_games_that_go_on_have_seeds_of_their_own():
    streams = SeedStreams(0)
    names = [seed_stream(None), seed_stream({"step": 100}), seed_stream({"step": 104})]
    assert len({int(streams.numpy(name).integers(10**6)) for name in names}) == 3


def test_a_task_goes_on_from_its_checkpoints(tabular, kept):
    def fitted(until):
        curve = Curve(until)
        task = chain(ChainOptions(num_states=5, held_out_states=8)).with_checkpoints(kept)
        budget, cpu = Budget(steps=STEPS), torch.device("cpu")
        return task.fit(
            tabular(), None, training=Training(), budget=budget, streams=SeedStreams(0), device=cpu, record=curve
        )

    with pytest.raises(Ended):
        fitted(100)
    assert fitted(None).continued == f"continued once, at step 100 of 400: {CONTINUED}"
