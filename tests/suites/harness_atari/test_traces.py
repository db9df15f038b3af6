"""Pictures of the values and actions of a game."""

from xml.etree import ElementTree

import numpy as np
import pytest

from harness_atari.traces import COLOURS, GAIN, LOSS, RANDOM, trace

SVG = "{http://www.w3.org/2000/svg}"
VALUES = np.array([[0.0, 1.0], [0.5, 1.0], [1.0, 0.0], [2.0, 0.0]])


def drawn(actions=(1, 1, 0, 0), rewards=(0, 0, 0, 0), names=("left", "right"), values=VALUES, frames_each=1):
    return ElementTree.fromstring(trace(values, np.array(actions), np.array(rewards), names, frames_each))


def words(picture):
    return [found.text for found in picture.iter(f"{SVG}text")]


def widths(picture, colour):
    return [float(found.get("width")) for found in picture.iter(f"{SVG}rect") if found.get("fill") == colour]


def test_every_action_has_a_line_with_a_point_a_step():
    lines = list(drawn().iter(f"{SVG}polyline"))
    assert [len(line.get("points").split()) for line in lines] == [4, 4]
    assert [line.get("stroke") for line in lines] == list(COLOURS[:2])


def test_a_larger_value_is_higher():
    left, right = (
        [float(point.split(",")[1]) for point in line.get("points").split()] for line in drawn().iter(f"{SVG}polyline")
    )
    assert np.sign(np.subtract(left, right)).tolist() == [1, 1, -1, -1]


def test_an_action_is_marked_for_as_long_as_it_was_taken():
    picture = drawn(actions=(1, 1, 1, 0))
    assert widths(picture, COLOURS[0]) == [pytest.approx(widths(picture, COLOURS[1])[0] / 2, abs=0.1)]


def test_an_action_that_is_not_of_the_largest_value_is_dark():
    picture = drawn(actions=(1, 1, 1, 0))
    assert len(widths(picture, RANDOM)) == 1
    assert "action taken; 25% dark: not of the largest value, taken by chance" in words(picture)


def test_rewards_and_losses_differ():
    picture = drawn(rewards=(0, 3, 0, -1))
    assert (len(widths(picture, GAIN)), len(widths(picture, LOSS))) == (1, 1)
    assert {"+3", "reward; score so far 2"} <= set(words(picture))


def test_names_and_units_are_there():
    found = words(drawn(names=("<left>", "right"), frames_each=4))
    assert {"<left>", "right", "0", "2", "4", "step of 4 frames, 0.067 s"} <= set(found)


def test_all_actions_of_the_console_can_be_told_apart():
    values = np.arange(36.0).reshape(2, 18)
    picture = drawn((17, 17), (0, 0), [f"a{action}" for action in range(18)], values)
    strokes = {(line.get("stroke"), line.get("stroke-dasharray")) for line in picture.iter(f"{SVG}polyline")}
    assert len(strokes) == 18


def test_values_that_never_differ_are_drawn():
    assert len(list(drawn(values=np.ones((4, 2))).iter(f"{SVG}polyline"))) == 2
