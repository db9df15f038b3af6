"""Options of the task on clips: which dataset is asked for, and which options are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from harness.interfaces import VideoData
from harness.planning.selection import select
from harness.registry import Registry
from harness.runtime.trial import run_trial
from harness_generative.video_options import VideoOptions

SMOKE = ["suite=generative", "scale=smoke", "budget.steps=2", "task=clips", "model=video_diffusion"]
SIZES = {"frames": 16, "size": 32, "num_train": 2_000, "num_test": 500}


@pytest.mark.parametrize(
    ("given", "name", "asked"),
    [
        ({}, "moving_digits", SIZES),
        ({"source": "bouncing_shapes"}, "bouncing_shapes", SIZES),
        ({"source": "atari"}, "atari_clips", SIZES | {"channels": 1, "game": "pong"}),
        (
            {"source": "atari", "game": "freeway", "channels": 3},
            "atari_clips",
            SIZES | {"channels": 3, "game": "freeway"},
        ),
        (
            {"source": "local", "folder": "films", "stride": 2, "channels": 3},
            "local_clips",
            SIZES | {"channels": 3, "folder": "films", "stride": 2},
        ),
    ],
    ids=["digits", "shapes", "atari", "another-game", "local"],
)
def test_each_source_asks_for_its_dataset(given: dict[str, Any], name: str, asked: dict[str, Any]) -> None:
    request, _ = VideoOptions(**given).videos()
    assert (request.name, dict(request.options)) == (name, asked)


@pytest.mark.parametrize(
    ("given", "num_classes"),
    [({}, 10), ({"source": "bouncing_shapes"}, 3), ({"source": "atari"}, 1), ({"source": "local", "folder": "x"}, 1)],
    ids=["digits", "shapes", "atari", "local"],
)
def test_models_are_built_for_the_classes_of_the_source(given: dict[str, Any], num_classes: int) -> None:
    _, data = VideoOptions(**given).videos()
    assert data == VideoData(num_classes=num_classes, channels=1, frames=16, height=32, width=32)


def test_models_are_built_for_the_channels() -> None:
    _, data = VideoOptions(source="atari", channels=3).videos()
    assert data.channels == 3


@pytest.mark.parametrize("source", ["moving_digits", "bouncing_shapes", "atari", "local"])
def test_datasets_take_what_they_are_asked_for(source: Any, registry: Registry) -> None:
    request, data = VideoOptions(source=source, folder="films" if source == "local" else "").videos()
    config = registry.datasets[request.name].spec.config.load()(**request.options)
    assert (config.frames, config.size) == (data.frames, data.height)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"channels": 3}, "channels is given with source=moving_digits, .*source=atari or local"),
        ({"source": "bouncing_shapes", "channels": 3}, "channels is given with source=bouncing_shapes"),
        ({"game": "pong"}, "game is given with source=moving_digits, .*source=atari"),
        ({"source": "local", "folder": "x", "game": "pong"}, "game is given with source=local"),
        ({"folder": "x"}, "folder is given with source=moving_digits, .*source=local"),
        ({"source": "atari", "folder": "x"}, "folder is given with source=atari"),
        ({"stride": 2}, "stride is given with source=moving_digits"),
        ({"source": "atari", "stride": 2}, "stride is given with source=atari"),
        ({"source": "local"}, "source=local reads a folder of clips and none is given"),
        ({"num_given": 16}, "num_given=16 of 16 frames leaves none to predict"),
        ({"num_samples": 8}, "num_samples=8 clips of 16 frames give 120 pairs .* the 128 numbers .*num_samples=9"),
        ({"num_test": 8}, "num_test=8 clips of 16 frames give 120 pairs .*num_test=9"),
        (
            {"source": "atari", "channels": 3, "num_samples": 25},
            "num_samples=25 clips of 16 frames give 375 pairs .* the 384 numbers .*num_samples=26",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        VideoOptions(**given)


def test_the_least_that_is_named_is_enough() -> None:
    assert VideoOptions(num_samples=9, num_test=9).num_samples == 9


def films(root: Path) -> Path:
    for split, count in {"train": 4, "val": 2, "test": 4}.items():
        (root / split).mkdir(parents=True)
        for number in range(count):
            generator = np.random.default_rng([count, number])
            np.save(root / split / f"{number}.npy", generator.integers(0, 256, (40, 4, 20, 24, 3), dtype=np.uint8))
    return root


@pytest.mark.slow
def test_clips_of_a_folder_leave_a_row_with_pictures(tmp_path: Path, cache: Path) -> None:
    words = [f"clips.folder={films(tmp_path / 'films')}", "clips.source=local", "clips.channels=3"]
    chosen = select([*SMOKE, *words, "clips.num_samples=130", "clips.num_test=130"], [])
    outcome = run_trial(
        chosen.plan.trials[0],
        chosen.registry,
        cache=cache,
        threads=1,
        run_id="test",
        report=lambda step, steps, loss: None,
    )
    assert outcome.row["status"] == "ok", outcome.row["traceback"] or outcome.row["reason"]
    assert outcome.row["data_tier"] == "offline"
    assert set(outcome.artifacts) == {"samples.gif", "predictions.gif"}
