import io
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from harness.interfaces import ActingData, Training
from harness_atari.metrics import average_max_q, best_episode, episode_length, episode_score, human_normalised
from harness_atari.options import AtariOptions, CartPoleOptions, ChainOptions
from harness_atari.tasks import atari, cartpole, chain
from harness_atari.worlds import published_scores

CPU = torch.device("cpu")
SHORT = {
    "size": 42,
    "frame_cap": 200,
    "evaluation_episodes": 2,
    "validation_episodes": 1,
    "reference_episodes": 1,
    "held_out_states": 8,
}


def evidence(task, learner, split="test"):
    return task.evaluate(learner, None, split, training=Training(), device=CPU)


def test_going_right_scores_one_in_every_episode(fixed):
    found = evidence(chain(ChainOptions()), fixed((0.0, 2.0)))
    assert (episode_score(found).value, episode_score(found).n) == (1.0, 20)
    assert best_episode(found).value == 1.0
    assert episode_length(found).value == pytest.approx(found.arrays["length"].mean())
    assert (average_max_q(found).value, average_max_q(found).n) == (2.0, 256)


@pytest.mark.parametrize("episodes", [1, 9, 10, 11, 25])
def test_as_many_episodes_are_tested_as_asked(fixed, episodes):
    task = chain(ChainOptions(evaluation_episodes=episodes))
    assert len(evidence(task, fixed((0.0, 1.0))).arrays["score"]) == episodes


def test_validation_plays_its_own_number_from_other_starts(fixed):
    task = chain(ChainOptions(evaluation_episodes=5, num_states=50))
    tested, validated = (evidence(task, fixed((0.0, 1.0)), split).arrays["length"] for split in ("test", "validation"))
    assert len(validated) == 5
    assert (tested != validated).any()


def test_evaluation_gives_the_same_again(fixed):
    task = chain(ChainOptions(evaluation_epsilon=0.5))
    first, again = (evidence(task, fixed((0.0, 1.0))).arrays["length"] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_the_best_action_held_is_found():
    assert chain(ChainOptions()).references(None)["best_constant_action"] == 1.0


def test_no_reference_is_played_where_none_is_asked_for():
    assert chain(ChainOptions(reference_episodes=0)).references(None) == {}


def test_the_description_of_cartpole_is_what_its_environments_have():
    pytest.importorskip("gymnasium", reason="the environments are the extra `atari`")
    task = cartpole(CartPoleOptions())
    assert task.describe() == task.world.open(num_envs=1, seed=0, learning=True, threads=1).data


@pytest.mark.parametrize("protocol", ["dqn2013", "nature2015", "machado2018"])
@pytest.mark.parametrize("path", ["vector", "wrappers"])
def test_the_description_of_a_game_is_what_its_environments_have(protocol, path):
    pytest.importorskip("ale_py", reason="the emulator is the extra `atari`")
    task = atari(AtariOptions(game="breakout", protocol=protocol, path=path, size=42))
    assert task.describe() == task.world.open(num_envs=1, seed=0, learning=True, threads=1).data


def test_all_actions_of_the_console_are_there_with_machado2018():
    pytest.importorskip("ale_py", reason="the emulator is the extra `atari`")
    described = atari(AtariOptions(game="pong", protocol="machado2018")).describe()
    assert described == ActingData(num_actions=18, shape=(4, 84, 84), pixels=True)


def test_a_game_that_is_cut_has_no_printed_score_beside_it(fixed):
    pytest.importorskip("ale_py", reason="the emulator is the extra `atari`")
    task = atari(AtariOptions(game="pong", **SHORT))
    assert set(task.references(None)) == {"chance", "best_constant_action"}
    assert "human_normalised" not in evidence(task, fixed((1.0,) + (0.0,) * 5)).arrays


def test_printed_scores_stand_beside_a_whole_game():
    task = atari(AtariOptions(game="pong", reference_episodes=0))
    assert task.references(None) == {"published_random": -20.7, "published_human": 14.6}


def test_losing_every_ball_is_about_what_random_play_does_of_a_persons_score(fixed):
    pytest.importorskip("ale_py", reason="the emulator is the extra `atari`")
    task = atari(AtariOptions(game="pong", **{**SHORT, "frame_cap": 0, "evaluation_epsilon": 0.0}))
    found = evidence(task, fixed((1.0,) + (0.0,) * 5))
    assert episode_score(found).value == -21
    assert human_normalised(found).value == pytest.approx((-21 + 20.7) / (14.6 + 20.7))


def lines_of(svg):
    return [
        line.get("points").split() for line in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}polyline")
    ]


def test_a_film_and_a_trace_are_left_of_the_same_game(fixed):
    pytest.importorskip("ale_py", reason="the emulator is the extra `atari`")
    task = atari(AtariOptions(game="pong", **SHORT))
    found = task.illustrate(fixed((1.0,) + (0.0,) * 5), None, training=Training(), device=CPU)
    assert found["episode.gif"].startswith(b"GIF89a")
    steps = len(lines_of(found["episode_values.svg"])[0])
    assert b"NOOP" in found["episode_values.svg"]
    assert steps >= Image.open(io.BytesIO(found["episode.gif"])).n_frames > 1


def test_a_world_without_pictures_leaves_a_trace(fixed):
    found = chain(ChainOptions()).illustrate(fixed((0.0, 1.0)), None, training=Training(), device=CPU)
    assert set(found) == {"episode_values.svg"}
    assert len(lines_of(found["episode_values.svg"])) == 2


@pytest.mark.parametrize("protocol", ["dqn2013", "machado2018"])
def test_every_action_of_a_game_has_a_name(protocol):
    pytest.importorskip("ale_py", reason="the emulator is the extra `atari`")
    task = atari(AtariOptions(game="breakout", protocol=protocol))
    assert len(set(task.world.actions())) == task.describe().num_actions


def test_the_batch_for_measuring_is_of_the_asked_size():
    batch = chain(ChainOptions(held_out_states=8)).sample_batch(None, training=Training(batch_size=20), device=CPU)
    assert batch.inputs.shape == (20, 10)


def test_every_printed_game_is_one_of_the_emulators():
    roms = pytest.importorskip("ale_py.roms", reason="the emulator is the extra `atari`")
    assert set(published_scores()) <= set(roms.get_all_rom_ids())
    assert len(published_scores()) == 57
