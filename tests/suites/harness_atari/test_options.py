import pytest

from harness.errors import UsageError
from harness_atari.emulator import count_actions
from harness_atari.options import AtariOptions
from harness_atari.protocols import PROTOCOLS, Geometry


def test_the_protocol_decides_how_a_game_is_tested():
    options = AtariOptions(protocol="machado2018")
    assert (options.epsilon(), options.episodes()) == (0.01, 100)


def test_options_override_how_a_game_is_tested():
    options = AtariOptions(evaluation_epsilon=0.0, evaluation_episodes=7)
    assert (options.epsilon(), options.episodes()) == (0.0, 7)


def test_a_cap_that_leaves_no_game_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match="frame_cap=50 cuts a game before it begins; give 200 or more, or 0"):
        AtariOptions(frame_cap=50)


def test_an_unknown_game_suggests_the_nearest():
    pytest.importorskip("ale_py", reason="the emulator is the extra `atari`")
    with pytest.raises(UsageError, match=r"game 'brekout' is unknown.*breakout"):
        count_actions("brekout", all_actions=False)


@pytest.mark.parametrize(("size", "rows", "top"), [(84, 110, 18), (42, 55, 9)])
def test_the_square_of_2013_is_cut_out_of_110_rows_for_84_columns(size, rows, top):
    assert Geometry.of(PROTOCOLS["dqn2013"], size) == Geometry(size, rows, top)


@pytest.mark.parametrize("name", ["nature2015", "machado2018"])
def test_later_protocols_squeeze_the_whole_screen(name):
    assert Geometry.of(PROTOCOLS[name], 84) == Geometry(84, 84, 0)


def test_the_lists_of_games_in_the_suite_are_those_of_the_papers():
    import tomllib
    from importlib import resources

    from harness_atari.worlds import published_scores

    suite = tomllib.loads((resources.files("harness_atari") / "atari.toml").read_text(encoding="utf-8"))
    games = {scale: suite["scale"][scale]["tasks"]["atari"]["axes"]["game"] for scale in ("paper", "atari57")}
    assert len(games["paper"]) == 7
    assert games["atari57"] == list(published_scores())
