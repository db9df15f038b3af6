"""Folders of clips: what is one, in which order frames come, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import DataError
from harness_data.clip_files import check_disjoint_clips, list_clip_files


def touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    return root


def test_files_and_folders_of_frames_are_clips(tmp_path: Path) -> None:
    touch(tmp_path, "b.npy", "a.GIF", "deep/film.mp4", "run/1.png", "run/2.JPG", "notes.txt", "cover.png")
    found = list_clip_files(tmp_path)
    assert [(file.name, file.kind) for file in found.files] == [
        ("a.GIF", "gif"),
        ("b.npy", "array"),
        ("deep/film.mp4", "video"),
        ("run", "frames"),
    ]
    assert found.others == 2


def test_frames_come_by_their_numbers(tmp_path: Path) -> None:
    touch(tmp_path, *(f"run/take1_{number}.png" for number in (10, 9, 100, 1)))
    (run,) = list_clip_files(tmp_path).files
    assert [path.name for path in run.parts] == [f"take1_{number}.png" for number in (1, 9, 10, 100)]


def test_hidden_files_and_folders_are_left_out(tmp_path: Path) -> None:
    touch(tmp_path, "a.npy", ".b.npy", ".cache/c.npy")
    found = list_clip_files(tmp_path)
    assert [file.name for file in found.files] == ["a.npy"]
    assert found.others == 0


def test_a_link_to_a_folder_is_followed_once(tmp_path: Path) -> None:
    touch(tmp_path / "elsewhere", "a.npy")
    (tmp_path / "clips").mkdir()
    (tmp_path / "clips" / "linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "clips")
    assert [file.name for file in list_clip_files(tmp_path / "clips").files] == ["linked/a.npy"]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        pytest.param(["notes.txt", "a.png"], "holds no clips, but 2 other files", id="no-clips"),
        pytest.param(["run/1.png", "run/cover.png"], "are not numbered alike", id="a-picture-without-number"),
        pytest.param(["run/a1.png", "run/b1.png"], r"run holds \w1\.png and \w1\.png, which", id="two-clips"),
        pytest.param(["run/1.png", "run/01.png"], r"run holds 01\.png and 1\.png of the same number", id="twice"),
        pytest.param(["run/1.png", "run/1.jpg"], r"run holds 1\.jpg and 1\.png of the same number", id="two-suffixes"),
    ],
)
def test_folders_that_leave_a_doubt_are_refused(tmp_path: Path, names: list[str], said: str) -> None:
    with pytest.raises(DataError, match=said):
        list_clip_files(touch(tmp_path, *names))


def test_a_link_that_leads_nowhere_is_named(tmp_path: Path) -> None:
    (tmp_path / "gone.npy").symlink_to(tmp_path / "nowhere.npy")
    with pytest.raises(DataError, match=r"gone\.npy cannot be read"):
        list_clip_files(tmp_path)


def test_a_link_into_another_split_is_named(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.npy", "test/b.npy")
    (tmp_path / "test" / "linked.npy").symlink_to(tmp_path / "train" / "a.npy")
    parts = {split: list_clip_files(tmp_path / split).files for split in ("train", "test")}
    with pytest.raises(DataError, match=r"linked\.npy \(test\) and .*a\.npy \(train\) are links to one file"):
        check_disjoint_clips(parts)
