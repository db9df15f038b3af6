"""What learners keep is known before the run, and refused where no machine could hold it."""

from types import SimpleNamespace

import pytest

from harness.errors import MissingDataError
from harness.interfaces import LearnerMemory, Training
from harness.planning import memory as planning
from harness.planning.memory import memory_notes, plan_memory
from harness.planning.selection import select
from harness.registry import load_registry

ATARI = ["suite=atari", "scale=paper", "task=atari", "atari.game=pong", "seed=0"]


def keeps(model, num_bytes):
    return SimpleNamespace(
        model=model, memory=LearnerMemory(content="replay memory", num_bytes=num_bytes, option="replay_frames")
    )


@pytest.fixture
def small_machine(monkeypatch):
    monkeypatch.setattr(planning.psutil, "virtual_memory", lambda: SimpleNamespace(total=4 * 10**9))


def test_a_line_a_model_says_what_a_trial_keeps():
    trials = [keeps("a", 7_067_000_000), keeps("a", 7_067_000_000), keeps("b", 200_000_000), keeps("b", 900_000_000)]
    assert memory_notes(trials) == ["a: replay memory 7.07 GB a trial", "b: replay memory 0.20 to 0.90 GB a trial"]


def test_little_is_not_worth_a_line():
    assert memory_notes([keeps("a", 99_000_000), SimpleNamespace(model="b", memory=None)]) == []


def test_more_than_a_trial_may_take_is_said_with_the_way_out():
    (note,) = memory_notes([keeps("a", 7_067_000_000)], limit_bytes=3_500_000_000)
    assert note.endswith("more than the 3.50 GB that it may take; give fewer --jobs or more --memory")


def test_what_exceeds_the_machine_is_unsupported_and_the_rest_is_planned(small_machine):
    pytest.importorskip("ale_py", reason="the emulator is the extra `atari`")
    large, small = select([*ATARI, "model=dqn_2013", "dqn_2013.replay_frames=1_000_000,100_000"], []).plan.trials
    assert large.unsupported == (
        "dqn_2013 keeps a replay memory of 7.07 GB beside its network; this machine has 4.00 GB in all; "
        "give a smaller dqn_2013.replay_frames"
    )
    assert (small.unsupported, small.memory.num_bytes) == ("", 100_000 * (84 * 84 + 11))


def test_the_machine_does_not_change_which_trial_it_is(small_machine, monkeypatch):
    pytest.importorskip("ale_py", reason="the emulator is the extra `atari`")
    (here,) = select([*ATARI, "model=dqn_2013"], []).plan.trials
    monkeypatch.undo()
    (elsewhere,) = select([*ATARI, "model=dqn_2013"], []).plan.trials
    assert here.trial_id == elsewhere.trial_id


def test_a_task_that_cannot_be_described_here_is_the_reason(monkeypatch):
    registry = load_registry()
    task, model = registry.tasks["chain"].spec, registry.models["dqn_2013"].spec

    def lacking(options):
        raise MissingDataError("the ROM is not there; install it")

    monkeypatch.setattr("harness_atari.tasks.chain", lacking)
    assert plan_memory(task, {}, model, {}, Training(), 100) == (None, "the ROM is not there; install it")


def test_a_model_that_says_nothing_keeps_nothing_that_is_known():
    registry = load_registry()
    task, model = registry.tasks["chain"].spec, registry.models["random_agent"].spec
    assert plan_memory(task, {}, model, {}, Training(), 100) == (None, "")


@pytest.mark.parametrize("command", ["plan", "run"])
def test_it_is_shown_before_anything_runs(harness, command):
    pytest.importorskip("ale_py", reason="the emulator is the extra `atari`")
    # So much that no machine has it, and the trial ends before it begins.
    words = ["model=dqn_2013", "dqn_2013.replay_frames=1_000_000_000_000", "budget.steps=1_000_000_000_000"]
    done = harness(command, *ATARI, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    shown, end = done.stdout.index("dqn_2013: replay memory 7067000.00 GB a trial"), done.stdout.index("1 trials")
    assert (shown > end) == (command == "run")
