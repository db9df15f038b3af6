"""The suite from the command line: every task leaves a complete row, and what cannot be played says why."""

import math

import pytest

from harness.planning.selection import select
from harness.runtime.trial import run_trial

WORDS = ["suite=atari", "scale=smoke"]


def run(cache, *overrides):
    chosen = select([*WORDS, *overrides], [])
    return run_trial(
        chosen.plan.trials[0],
        chosen.registry,
        cache=cache,
        threads=1,
        run_id="test",
        report=lambda step, steps, loss: None,
    )


@pytest.mark.parametrize("task", ["chain", "cartpole", "atari"])
@pytest.mark.parametrize("model", ["random_agent", "constant_agent", "dqn_sample_efficient"])
def test_every_task_leaves_a_complete_row(task, model, cache):
    pytest.importorskip("ale_py", reason="the environments are the extra `atari`")
    row = run(cache, f"task={task}", f"model={model}").row
    assert row["status"] == "ok", row["traceback"] or row["reason"]
    assert math.isfinite(row["value"])
    assert (row["steps"], row["examples"], row["metric"]) == (400, 400, "episode_score")
    assert math.isfinite(row["chance"])


def test_a_seed_gives_the_same_score_and_curve_again(cache):
    words = ["task=cartpole", "model=dqn_sample_efficient"]
    first, again = (run(cache, *words) for _ in range(2))
    timeless = [[point for point in outcome.curve if point["name"] == "average_max_q"] for outcome in (first, again)]
    assert first.row["value"] == again.row["value"]
    assert timeless[0] == timeless[1]


def test_an_unknown_game_leaves_a_row_with_the_nearest_names(cache):
    row = run(cache, "task=atari", "model=random_agent", "atari.game=pongg").row
    assert (row["status"], row.get("steps")) == ("error", None)
    assert "pong" in row["reason"].split("unknown")[1]


def test_a_film_and_the_frames_lie_beside_the_row_of_a_game(cache):
    outcome = run(cache, "task=atari", "model=random_agent")
    assert set(outcome.artifacts) == {"episode.gif"}
    assert [point["value"] for point in outcome.curve if point["name"] == "frames"][-1] == 1_600
