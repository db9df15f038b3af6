"""Readers of arrays, GIFs, folders and videos: the frames that were written come back, and damage is named."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.errors import DataError, MissingDataError, UnsupportedError
from harness_data.clip_files import list_clip_files
from harness_data.clip_readers import read_sequences


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def read(root: Path) -> list[np.ndarray]:
    """The sequences of the only file below the folder."""
    (file,) = list_clip_files(root).files
    return [np.stack(list(frames)) for frames in read_sequences(file)]


def save_frames(root: Path, frames: np.ndarray, suffix: str) -> None:
    for index, frame in enumerate(frames):
        Image.fromarray(frame).save(root / f"{index}.{suffix}")


def save_gif(path: Path, frames: np.ndarray) -> None:
    first, *rest = [Image.fromarray(frame) for frame in frames]
    first.save(path, save_all=True, append_images=rest, duration=40)


def save_film(path: Path, frames: np.ndarray) -> None:
    av = pytest.importorskip("av", reason="videos need the package av (extra video)")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height = frames.shape[2], frames.shape[1]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 8_000_000
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        pytest.param((5, 9, 8), (1, 5, 9, 8), id="T-H-W"),
        pytest.param((5, 9, 8, 1), (1, 5, 9, 8), id="T-H-W-1"),
        pytest.param((5, 9, 8, 3), (1, 5, 9, 8, 3), id="T-H-W-3"),
        pytest.param((2, 5, 9, 8), (2, 5, 9, 8), id="N-T-H-W"),
        pytest.param((2, 5, 9, 8, 1), (2, 5, 9, 8), id="N-T-H-W-1"),
        pytest.param((2, 5, 9, 8, 3), (2, 5, 9, 8, 3), id="N-T-H-W-3"),
    ],
)
def test_arrays_come_back_in_every_layout(tmp_path: Path, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    np.save(tmp_path / "clip.npy", noise(*shape))
    assert np.array_equal(read(tmp_path), noise(*shape).reshape(expected))


def test_frames_of_a_gif_come_back(tmp_path: Path) -> None:
    frames = noise(6, 8, 8)
    save_gif(tmp_path / "clip.gif", frames)
    assert np.array_equal(read(tmp_path)[0], np.stack([frames] * 3, axis=-1))


def test_numbered_frames_come_back(tmp_path: Path) -> None:
    frames = noise(11, 8, 8, 3)
    save_frames(tmp_path, frames, "png")
    assert np.array_equal(read(tmp_path)[0], frames)


def test_frames_of_a_video_come_back(tmp_path: Path) -> None:
    brightness = np.arange(20, 240, 22, dtype=np.uint8)
    frames = np.broadcast_to(brightness[:, None, None, None], (10, 32, 32, 3))
    save_film(tmp_path / "clip.mp4", np.ascontiguousarray(frames))
    found = read(tmp_path)[0]
    assert found.shape == (10, 32, 32, 3)
    np.testing.assert_allclose(found.mean(axis=(1, 2, 3)), brightness, atol=4)


def test_transparency_is_dropped(tmp_path: Path) -> None:
    pixels = noise(8, 8, 4)
    Image.fromarray(pixels).save(tmp_path / "1.png")
    assert np.array_equal(read(tmp_path)[0][0], pixels[..., :3])


def array_of(values: object) -> Callable[[Path], None]:
    return lambda root: np.save(root / "clip.npy", np.asarray(values))


def archive(root: Path) -> None:
    np.savez(root / "clip.npz", noise(2, 8, 8))
    (root / "clip.npz").rename(root / "clip.npy")


def text(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).write_text("no clip") and None


def empty(name: str) -> Callable[[Path], None]:
    return lambda root: (root / name).write_bytes(b"") and None


def cut_short(root: Path) -> None:
    np.save(root / "clip.npy", noise(4, 8, 8))
    path = root / "clip.npy"
    path.write_bytes(path.read_bytes()[:-1])


def gif_cut_short(share: float) -> Callable[[Path], None]:
    def damage(root: Path) -> None:
        path = root / "clip.gif"
        save_gif(path, noise(6, 32, 32))
        content = path.read_bytes()
        path.write_bytes(content[: round(len(content) * share)])

    return damage


def deep_pixels(root: Path) -> None:
    Image.fromarray(np.zeros((8, 8), np.uint16)).save(root / "1.png")


def pickled(root: Path) -> None:
    np.save(root / "clip.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        pytest.param(array_of(np.zeros((4, 8, 8), np.float32)), r"clip\.npy: values are float32; uint8", id="float"),
        pytest.param(array_of(np.zeros((4, 8, 8), np.int64)), r"clip\.npy: values are int64; uint8", id="int64"),
        pytest.param(array_of(np.zeros((4, 8, 8), bool)), r"clip\.npy: values are bool; uint8", id="bool"),
        pytest.param(array_of(noise(8, 8)), r"clip\.npy: the array is \[8, 8\]", id="one-picture"),
        pytest.param(array_of(noise(2, 3, 4, 8, 8)), r"clip\.npy: the array is \[2, 3, 4, 8, 8\]", id="channels-first"),
        pytest.param(archive, r"clip\.npy is an archive", id="archive"),
        pytest.param(pickled, r"clip\.npy: the array cannot be read", id="objects"),
        pytest.param(cut_short, r"clip\.npy: the array cannot be read", id="array-cut-short"),
        pytest.param(empty("clip.npy"), r"clip\.npy: the array cannot be read", id="empty-array"),
        pytest.param(text("clip.gif"), r"clip\.gif: the GIF cannot be read", id="no-gif"),
        pytest.param(gif_cut_short(0.55), r"clip\.gif: the GIF cannot be read", id="gif-cut-in-the-middle"),
        pytest.param(gif_cut_short(0.99), r"clip\.gif: the GIF cannot be read", id="gif-cut-near-its-end"),
        pytest.param(array_of(noise(0, 4, 8, 8)), r"clip\.npy: the array is \[0, 4, 8, 8\]", id="no-clip"),
        pytest.param(array_of(noise(0, 8, 8)), r"clip\.npy: the array is \[0, 8, 8\]", id="no-frame"),
        pytest.param(text("1.png"), r"1\.png: the frame cannot be read", id="no-picture"),
        pytest.param(deep_pixels, r"1\.png: pixels of mode I", id="16-bits"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(tmp_path)
    with pytest.raises(DataError, match=said):
        read(tmp_path)


def test_a_video_that_is_none_is_named(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="videos need the package av (extra video)")
    text("clip.mp4")(tmp_path)
    with pytest.raises(DataError, match=r"clip\.mp4: the video cannot be read"):
        read(tmp_path)


def test_without_its_package_a_video_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    empty("clip.mp4")(tmp_path)
    with pytest.raises(MissingDataError, match=r"pip install 'arch-harness\[video\]'") as caught:
        read(tmp_path)
    assert isinstance(caught.value, UnsupportedError)
