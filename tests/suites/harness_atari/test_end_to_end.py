"""The suite from the command line: every task leaves a complete row, and what cannot be played says why."""

import math

import pytest

from harness.errors import UsageError
from harness.folders import CheckpointFolder
from harness.planning import resolution
from harness.planning.selection import select
from harness.runtime.trial import run_trial
from harness_atari import options

WORDS = ["suite=atari", "scale=smoke"]


def run(cache, *overrides, checkpoints=None):
    chosen = select([*WORDS, *overrides], [])
    return run_trial(
        chosen.plan.trials[0],
        chosen.registry,
        cache=cache,
        threads=1,
        run_id="test",
        report=lambda step, steps, loss: None,
        checkpoints=checkpoints,
    )


@pytest.mark.parametrize("task", ["chain", "cartpole", "atari"])
@pytest.mark.parametrize("model", ["random_agent", "constant_agent", "dqn_sample_efficient"])
def test_every_task_leaves_a_complete_row(task, model, cache):
    pytest.importorskip("ale_py", reason="the environments are the extra `atari`")
    row = run(cache, f"task={task}", f"model={model}").row
    assert row["status"] == "ok", row["traceback"] or row["reason"]
    assert math.isfinite(row["value"])
    assert (row["examples"], row["metric"]) == (row["steps"], "episode_score")
    assert (row["steps"] == 400) != row["stopped"].startswith("nothing was left to learn")
    assert math.isfinite(row["chance"])


def test_a_learner_uses_its_whole_budget(cache):
    assert run(cache, "task=chain", "model=dqn_sample_efficient").row["steps"] == 400


def test_random_play_uses_one_round_of_it(cache):
    assert run(cache, "task=chain", "model=random_agent", "chain.num_envs=3").row["steps"] == 3


def test_a_seed_gives_the_same_score_and_curve_again(cache):
    words = ["task=cartpole", "model=dqn_sample_efficient"]
    first, again = (run(cache, *words) for _ in range(2))
    timeless = [[point for point in outcome.curve if point["name"] == "average_max_q"] for outcome in (first, again)]
    assert first.row["value"] == again.row["value"]
    assert timeless[0] == timeless[1]


def test_an_unknown_game_is_refused_while_planning_with_the_nearest_names():
    pytest.importorskip("ale_py", reason="the emulator is the extra `atari`")
    with pytest.raises(UsageError, match=r"game 'brekout' is unknown.*did you mean breakout"):
        select([*WORDS, "task=atari", "atari.game=pong,brekout"], [])


def test_without_the_emulator_trials_are_unsupported_and_say_what_to_install(cache, monkeypatch):
    monkeypatch.setattr(resolution, "_importable", lambda module: module not in ("ale_py", "gymnasium"))
    monkeypatch.setattr(options, "is_installed", lambda: False)
    row = run(cache, "task=atari", "atari.game=brekout").row
    assert row["status"] == "unsupported"
    assert row["reason"] == "atari needs ale_py, gymnasium, which is not installed; pip install 'arch-harness[atari]'"


def test_a_film_and_the_frames_lie_beside_the_row_of_a_game(cache):
    outcome = run(cache, "task=atari", "model=dqn_sample_efficient")
    assert set(outcome.artifacts) == {"episode.gif", "episode_values.svg"}
    assert [point["value"] for point in outcome.curve if point["name"] == "frames"][-1] == 1_600


@pytest.mark.parametrize(("model", "steps"), [("random_agent", 4), ("dqn_sample_efficient", 400)])
def test_a_damaged_checkpoint_is_a_fresh_start_that_the_row_states(model, steps, cache, tmp_path):
    words = ["task=chain", f"model={model}"]
    path = tmp_path / select([*WORDS, *words], []).plan.trials[0].trial_id / "0.pt"
    path.parent.mkdir()
    path.write_bytes(b"no checkpoint")
    outcome = run(cache, *words, checkpoints=CheckpointFolder(tmp_path, 60))
    assert (outcome.row["status"], outcome.row["steps"]) == ("ok", steps)
    assert outcome.row["continued"].startswith("a checkpoint could not be read (")
    assert outcome.row["continued"].endswith("), so that training began anew")


def test_a_folder_that_takes_no_checkpoints_is_said_and_ends_nothing(cache, tmp_path):
    (tmp_path / "in_the_way").touch()
    folder = CheckpointFolder(tmp_path / "in_the_way", 0.001)
    row = run(cache, "task=chain", "model=dqn_sample_efficient", checkpoints=folder).row
    assert (row["status"], row["steps"]) == ("ok", 400)
    assert row["continued"] == "a checkpoint could not be written (Not a directory)"


def test_overlap_gives_the_same_again_for_a_seed(cache):
    words = ["task=cartpole", "model=dqn_sample_efficient", "cartpole.overlap=true"]
    first, again = (run(cache, *words) for _ in range(2))
    assert first.row["value"] == again.row["value"]
    timeless = [[point for point in outcome.curve if point["name"] == "average_max_q"] for outcome in (first, again)]
    assert timeless[0] == timeless[1]
