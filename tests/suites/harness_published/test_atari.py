"""Scores of Atari's games beside our boards."""

import pytest

from harness_atari.protocols import PROTOCOLS
from harness_atari.worlds import published_scores
from harness_published.atari import BESIDE, EARLY, HERE, NATURE, NO_OPS, OURS, our_game
from harness_published.beside import results

RESULTS = results(BESIDE)


def printed(game, source, metric="episode_score", protocol="dqn2013"):
    """System and value of the results of one source that stand beside one of our boards."""
    return {
        result.system: result.value
        for result in RESULTS
        if (result.options["game"], result.options["protocol"], result.source) == (game, protocol, source)
        and result.metrics == (metric,)
    }


@pytest.mark.parametrize(
    ("source", "count"), [(EARLY, 7), (NATURE, 7), (NO_OPS, 57)], ids=["2013", "2015", "2016, no-ops"]
)
def test_games_have_our_names(source, count):
    games = {result.options["game"] for result in RESULTS if result.source == source}
    assert (len(games), games - set(published_scores())) == (count, set())


def test_every_name_of_ours_is_needed():
    assert [name for name, game in OURS.items() if game not in {result.options["game"] for result in RESULTS}] == []


def test_the_best_game_stands_apart_from_the_mean():
    assert printed("breakout", EARLY)["DQN (2013)"] == 168
    assert printed("breakout", EARLY, "best_episode") == {"HNeat Best": 52, "HNeat Pixel": 4, "DQN Best (2013)": 225}
    assert not printed("breakout", EARLY).keys() & printed("breakout", EARLY, "best_episode").keys()


def test_scores_of_later_agents_are_those_of_their_game():
    assert list(printed(our_game("Ms. Pac-Man"), NO_OPS).values()) == [3085.6, 2711.4]
    assert printed("qbert", NATURE) == {"DQN (Nature 2015)": 10596}


def test_there_is_a_text_for_each_of_our_protocols():
    assert HERE.keys() == PROTOCOLS.keys()


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_text_says_how_our_protocol_tests(name):
    protocol = PROTOCOLS[name]
    assert f"here {protocol.evaluation_episodes} " in HERE[name]
    assert f"epsilon {protocol.evaluation_epsilon:g}" in HERE[name]
    assert f"{protocol.frame_cap:,} frames" in HERE[name]
    assert ("sticky" in HERE[name], "no-ops" in HERE[name]) == (protocol.sticky > 0, protocol.no_ops > 0)


def test_nothing_stands_beside_games_that_are_cut_short():
    assert {result.options["frame_cap"] for result in RESULTS} == {0}
