"""The fast path against the slow one, step by step, and against gymnasium's own preprocessing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness_atari.atari_vector import AtariVector
from harness_atari.atari_wrapped import AtariWrapped
from harness_atari.protocols import PROTOCOLS, Protocol

pytest.importorskip("ale_py", reason="the emulator is the extra `atari`")

GAMES = ["breakout", "pong", "space_invaders"]
STEPS = 220
CAP = 600
"""Frames of a game, so that some are cut within the steps and some end by themselves."""

FACTS = ("observations", "rewards", "terminated", "truncated", "restarted", "next_observations")


def walk(environments, steps: int, seed: int = 0) -> dict[str, np.ndarray]:
    """What random play meets: the arrays of its transitions one above the other, and the episodes that ended."""
    generator = np.random.default_rng(seed)
    environments.reset()
    kept, ended = [], []
    for _ in range(steps):
        actions = generator.integers(environments.data.num_actions, size=environments.num_envs)
        kept.append(environments.step(actions))
        ended += [(episode.environment, episode.score, episode.length) for episode in environments.ended]
    facts = {name: np.stack([getattr(one, name) for one in kept]) for name in FACTS}
    return {**facts, "ended": np.array(ended), "now": environments.observations}


def surroundings(name: str, **changes: object) -> Protocol:
    return replace(PROTOCOLS[name], **{"frame_cap": CAP, **changes})


@pytest.fixture(scope="module", params=[(game, name) for game in GAMES for name in PROTOCOLS], ids="-".join)
def both(request):
    game, name = request.param
    options = {"num_envs": 2, "size": 84, "seed": 7, "lives_count": True}
    fast = walk(AtariVector(game, surroundings(name), **options), STEPS)
    return fast, walk(AtariWrapped(game, surroundings(name), **options), STEPS)


@pytest.mark.slow
@pytest.mark.parametrize("fact", ["rewards", "terminated", "truncated", "restarted", "ended"])
def test_both_paths_give_the_same(both, fact):
    fast, slow = both
    np.testing.assert_array_equal(fast[fact], slow[fact])


@pytest.mark.slow
@pytest.mark.parametrize("fact", ["observations", "next_observations", "now"])
def test_both_paths_show_the_same_within_a_grey_level(both, fact):
    fast, slow = both
    assert np.abs(fast[fact].astype(int) - slow[fact]).max() <= 1


@pytest.mark.slow
def test_the_walk_meets_ends_of_games(both):
    assert both[0]["restarted"].any()


@pytest.mark.parametrize("name", list(PROTOCOLS))
def test_a_small_square_is_the_same_on_both_paths(name):
    options = {"num_envs": 1, "size": 42, "seed": 3, "lives_count": False}
    fast, slow = (walk(path("pong", surroundings(name), **options), 40) for path in (AtariVector, AtariWrapped))
    assert np.abs(fast["observations"].astype(int) - slow["observations"]).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize("game", GAMES)
def test_ten_thousand_frames_equal_gymnasiums_preprocessing_within_a_grey_level(game):
    pytest.importorskip("cv2", reason="gymnasium's AtariPreprocessing needs opencv, which nothing here depends on")
    import ale_py
    import gymnasium
    from ale_py.registration import rom_id_to_name
    from gymnasium.wrappers import AtariPreprocessing, FrameStackObservation

    gymnasium.register_envs(ale_py)
    bare = gymnasium.make(f"ALE/{rom_id_to_name(game)}-v5", frameskip=1, repeat_action_probability=0.0)
    theirs = FrameStackObservation(AtariPreprocessing(bare, noop_max=0), 4, padding_type="zero")
    protocol = surroundings("nature2015", no_ops=0, frame_cap=108_000)
    ours = AtariVector(game, protocol, num_envs=1, size=84, seed=0, lives_count=False)
    seen, _ = theirs.reset(seed=0)
    worst = int(np.abs(ours.reset()[0].astype(int) - seen).max())
    generator = np.random.default_rng(0)
    for _ in range(2_500):
        action = generator.integers(ours.data.num_actions)
        seen, reward, over, *_ = theirs.step(action)
        step = ours.step(np.array([action]))
        assert (reward, over) == (step.rewards[0], step.terminated[0])
        worst = max(worst, int(np.abs(step.next_observations[0].astype(int) - seen).max()))
        seen = theirs.reset()[0] if over else seen
    assert worst <= 1


def test_the_number_of_threads_changes_nothing():
    options = {"num_envs": 3, "size": 42, "seed": 5, "lives_count": True}
    one, two = (walk(AtariVector("pong", PROTOCOLS["machado2018"], threads=n, **options), 60) for n in (1, 2))
    np.testing.assert_array_equal(one["observations"], two["observations"])


def test_sticky_actions_differ_between_seeds():
    options = {"num_envs": 1, "size": 42, "lives_count": True}
    one, other = (walk(AtariVector("pong", PROTOCOLS["machado2018"], seed=n, **options), 60) for n in (1, 2))
    assert (one["observations"] != other["observations"]).any()


@pytest.fixture(scope="module")
def breakout():
    environments = AtariVector(
        "breakout", PROTOCOLS["nature2015"], num_envs=4, size=42, seed=0, lives_count=True, threads=1
    )
    return walk(environments, 400)


def test_a_lost_life_ends_the_future_and_not_the_game(breakout):
    assert (breakout["terminated"] & ~breakout["restarted"]).any()


def test_an_observation_is_what_the_step_before_led_to_unless_a_game_began(breakout):
    goes_on = ~breakout["restarted"][:-1]
    np.testing.assert_array_equal(breakout["observations"][1:][goes_on], breakout["next_observations"][:-1][goes_on])


def test_an_ended_game_shows_its_last_pictures_not_the_next_games_first(breakout):
    over = breakout["restarted"][:-1]
    assert over.any()
    first, last = breakout["observations"][1:][over], breakout["next_observations"][:-1][over]
    assert (first[:, :-1] == 0).all()
    assert (last[:, :-1] != 0).any(axis=(1, 2, 3)).all()


def test_rewards_of_a_game_are_not_clipped():
    walked = walk(AtariVector("qbert", PROTOCOLS["nature2015"], num_envs=2, size=42, seed=0, lives_count=True), 200)
    assert walked["rewards"].max() >= 25


@pytest.mark.parametrize(("game", "frames"), [("pong", 4), ("space_invaders", 3)])
def test_the_protocol_of_2013_holds_an_action_for_its_own_frames(game, frames):
    assert PROTOCOLS["dqn2013"].skip(game) == frames
    cap = 20 * frames
    environments = AtariVector(
        game, surroundings("dqn2013", frame_cap=cap), num_envs=1, size=42, seed=0, lives_count=False
    )
    assert walk(environments, 20)["ended"].tolist()[0][2] == 20
