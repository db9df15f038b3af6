"""Clips of Atari games: shapes, repeatability, splits that share nothing, and what is said of unknown games."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from harness.errors import DataError, MissingDataError, UnsupportedError, UsageError
from harness.interfaces import BuiltDataset
from harness.runtime.seeding import SeedStreams
from harness.specs import Tier
from harness_data import arcade, atari_clips
from harness_data.arcade import SKIP, Arcade
from harness_data.atari_clips import AtariClipsConfig, build, fingerprint

ale_py = pytest.importorskip("ale_py", reason="Atari games need the package ale-py (extra atari)")
OPTIONS = {"frames": 4, "size": 16, "num_train": 12, "num_validation": 3, "num_test": 5, "clips_per_episode": 4}


def built(**options: Any) -> BuiltDataset:
    return build(AtariClipsConfig(**(OPTIONS | options)), SeedStreams(0, "atari_clips"))


def test_clips_have_the_asked_shape() -> None:
    splits = built().splits
    shapes = {split: arrays["videos"].shape for split, arrays in splits.items()}
    assert shapes == {"train": (12, 4, 16, 16), "validation": (3, 4, 16, 16), "test": (5, 4, 16, 16)}


def test_colours_have_a_last_axis() -> None:
    videos = built(channels=3).splits["train"]["videos"]
    assert videos.shape == (12, 4, 16, 16, 3)
    assert (videos[..., 0] != videos[..., 2]).any()


def test_labels_are_zero() -> None:
    labels = built().splits["train"]["labels"]
    assert labels.dtype == np.uint8
    assert labels.tolist() == [0] * 12


def test_clips_are_the_same_every_time() -> None:
    np.testing.assert_equal(dict(built().splits), dict(built().splits))


def test_another_seed_gives_other_clips() -> None:
    first, second = (built(seed=seed).splits["train"]["videos"] for seed in (0, 1))
    assert not np.array_equal(first, second)


def test_no_clip_is_in_two_splits() -> None:
    splits = built(game="freeway", size=8, num_train=60, num_test=30).splits
    clips = {split: {clip.tobytes() for clip in arrays["videos"]} for split, arrays in splits.items()}
    assert not clips["train"] & clips["test"]
    assert not clips["validation"] & (clips["train"] | clips["test"])


def test_frames_move() -> None:
    videos = built(size=84).splits["train"]["videos"]
    assert (videos[:, 1:] != videos[:, :-1]).any(axis=(2, 3)).mean() > 0.9


def test_a_screen_is_the_brighter_of_the_last_two_frames() -> None:
    ale = ale_py.ALEInterface()
    ale.setInt("random_seed", 0)
    ale.setFloat("repeat_action_probability", 0.0)
    ale.loadROM(ale_py.roms.get_rom_path("pong"))
    ale.reset_game()
    actions = ale.getMinimalActionSet()
    choices = np.random.default_rng(7)
    game = Arcade("pong", 1, seed=0)
    game.reset()
    generator = np.random.default_rng(7)
    for _ in range(20):
        action = actions[choices.integers(len(actions))]
        frames = [(ale.act(action), ale.getScreenGrayscale())[1] for _ in range(SKIP)]
        np.testing.assert_array_equal(game.step(generator), np.maximum(frames[-2], frames[-1]))


def test_an_episode_ends() -> None:
    game = Arcade("freeway", 1, seed=0)
    game.reset()
    generator = np.random.default_rng(0)
    assert any(game.step(generator) is None for _ in range(3_000))


def test_a_game_without_enough_clips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atari_clips, "_digest", lambda clip: b"all alike")
    with pytest.raises(DataError, match=r"pong: 30 episodes in a row gave no clip of 4 frames that another split"):
        built()


def test_row_is_told_tier_game_and_seed() -> None:
    dataset = built()
    assert dataset.tier == Tier.OFFLINE
    assert f"pong of ale-py {ale_py.__version__} played at random (seed 0), no sticky actions" in dataset.provenance


def test_an_unknown_game_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match="game 'breakut' is unknown; did you mean breakout"):
        built(game="breakut")


def test_without_its_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ale_py", None)
    with pytest.raises(MissingDataError, match=r"pip install 'arch-harness\[atari\]'") as caught:
        fingerprint(AtariClipsConfig())
    assert isinstance(caught.value, UnsupportedError)


def test_fingerprint_names_the_version_that_pins_the_games() -> None:
    assert fingerprint(AtariClipsConfig()) == f"ale-py {ale_py.__version__}"


def test_the_emulator_prints_nothing() -> None:
    code = f"from {arcade.__name__} import Arcade; Arcade('pong', 1, seed=0).reset()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("", "")
