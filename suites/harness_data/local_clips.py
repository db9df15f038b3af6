"""Any clips in a folder: arrays, GIFs, videos and folders of numbered frames."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from pydantic import Field

from harness.errors import DataError
from harness.interfaces import Array, BuiltDataset, Streams
from harness.specs import Tier
from harness_data.clip_files import ClipFile, ClipFolder, check_disjoint_clips, list_clip_files
from harness_data.clip_readers import read_sequences
from harness_data.files import given_folder, stamp
from harness_data.frame_squares import FrameSquare
from harness_data.options import Options

NEEDED = "a folder with .npy, GIF or video files or folders of numbered frames is read"
TEST_SHARE = 0.2
VALIDATION_SHARE = 0.1
"""What is held out of the files where no folder says which."""

Parts: TypeAlias = Mapping[str, Sequence[ClipFile]]


class LocalClipsConfig(Options):
    """Where the clips are, what is made of each, and how many are taken."""

    folder: str = Field("", description="folder of clips, with or without train/, test/ and val/")
    frames: int = Field(16, description="frames of a clip", gt=0)
    size: int = Field(32, description="side of a frame in pixels", gt=0)
    channels: Literal[1, 3] = Field(1, description="1 for grey, or 3 colours")
    stride: int = Field(1, description="frames from one that is taken to the next", gt=0)
    num_train: int = Field(2_000, description="training clips, at most", gt=0)
    num_validation: int = Field(200, description="validation clips, at most", gt=0)
    num_test: int = Field(500, description="test clips, at most", gt=0)

    @property
    def span(self) -> int:
        """The frames from a clip's first to its last."""
        return (self.frames - 1) * self.stride + 1

    @property
    def square(self) -> FrameSquare:
        """What every frame becomes."""
        return FrameSquare(size=self.size, channels=self.channels)


def fingerprint(config: LocalClipsConfig) -> str:
    """Names, sizes and times of the files."""
    root = given_folder(config.folder, NEEDED)
    return stamp((path for folder in _list(root).values() for file in folder.files for path in file.parts), root)


def build(config: LocalClipsConfig, streams: Streams) -> BuiltDataset:
    """`videos` uint8 [N, frames, size, size], with a last axis of 3 for colours, and `labels` [N], which are 0.

    No file is in two splits. Clips are shuffled, so that the first of them are of many files.
    """
    listed = _list(given_folder(config.folder, NEEDED))
    parts = split_clip_files(listed)
    check_disjoint_clips(parts)
    limits = {"train": config.num_train, "validation": config.num_validation, "test": config.num_test}
    splits = {}
    for split, files in parts.items():
        videos = _clips(config, files, limits[split])
        videos = videos[streams.numpy(f"local {split}").permutation(len(videos))]
        splits[split] = {"videos": videos, "labels": np.zeros(len(videos), np.uint8)}
    return BuiltDataset(splits=splits, tier=Tier.OFFLINE, provenance=_provenance(config, listed, parts))


def split_clip_files(listed: Mapping[str, ClipFolder]) -> dict[str, tuple[ClipFile, ...]]:
    """The files of each split: by folder, the rest by the SHA-256 of the names. Raises DataError for too few."""
    if "all" in listed:
        order = _by_hash(listed["all"].files)
        test, rest = _cut(order, TEST_SHARE, len(order))
        validation, train = _cut(rest, VALIDATION_SHARE, len(order))
    elif "validation" in listed:
        train, validation, test = (listed[split].files for split in ("train", "validation", "test"))
    else:
        order = _by_hash(listed["train"].files)
        validation, train = _cut(order, VALIDATION_SHARE, len(order))
        test = listed["test"].files
    if not train:
        found = ", ".join(f"{len(folder.files)} in {folder.root.name}" for folder in listed.values())
        raise DataError(
            f"too few files of clips ({found}); train, validation and test need one each, since no file is in two of "
            "them; add files, cut one into several, or lay them out as train/, val/ and test/"
        )
    return {"train": train, "validation": validation, "test": test}


def spread(count: int, limit: int) -> list[int]:
    """At most `limit` of `count` indices, evenly spaced."""
    return list(range(count)) if count <= limit else [index * count // limit for index in range(limit)]


def _by_hash(files: Sequence[ClipFile]) -> tuple[ClipFile, ...]:
    return tuple(sorted(files, key=lambda file: hashlib.sha256(file.name.encode(errors="surrogateescape")).digest()))


def _cut(files: tuple[ClipFile, ...], share: float, whole: int) -> tuple[tuple[ClipFile, ...], tuple[ClipFile, ...]]:
    count = max(1, round(whole * share))
    return files[:count], files[count:]


def _list(root: Path) -> dict[str, ClipFolder]:
    """The folders by split, or the whole folder as `all`."""
    found = [name for name in ("train", "val", "test") if (root / name).is_dir()]
    if not found:
        return {"all": list_clip_files(root)}
    if not {"train", "test"} <= set(found):
        raise DataError(
            f"{root} holds {' and '.join(found)}; train and test, with val or without, or none of the three are "
            "needed; add the folder or rename what is there"
        )
    names = {"train": "train", "val": "validation", "test": "test"}
    return {names[name]: list_clip_files(root / name) for name in found}


def _clips(config: LocalClipsConfig, files: Sequence[ClipFile], limit: int) -> Array:
    """About as many of every file, so that a long one does not crowd out the others."""
    read = [files[index] for index in spread(len(files), limit)]
    quota = -(-limit // len(read))
    parts = []
    for file in read:
        clips = _clips_of(config, file)
        parts.append(clips[spread(len(clips), quota)])
    together = np.concatenate(parts)
    return together[spread(len(together), limit)]


def _clips_of(config: LocalClipsConfig, file: ClipFile) -> Array:
    """The clips that follow each other in a file, uint8 [N, frames, size, size] or with a last axis of 3."""
    clips = []
    for frames in read_sequences(file):
        squares: list[Array] = []
        shape: tuple[int, ...] | None = None
        for frame in frames:
            shape = shape or frame.shape
            if frame.shape != shape:
                raise DataError(
                    f"{file.path}: frame {len(squares)} is {list(frame.shape)} and those before are {list(shape)}; "
                    "frames of a clip have one size; cut or scale them alike"
                )
            squares.append(config.square.cut(frame, file.path))
        if len(squares) < config.span:
            raise DataError(
                f"{file.path}: {len(squares)} frames; a clip takes {config.span} (frames={config.frames}, "
                f"stride={config.stride}); give fewer frames, a smaller stride, or remove the file"
            )
        starts = range(0, len(squares) - config.span + 1, config.span)
        clips += [np.stack(squares[start : start + config.span : config.stride]) for start in starts]
    return np.stack(clips)


def _provenance(config: LocalClipsConfig, listed: Mapping[str, ClipFolder], parts: Parts) -> str:
    """Of the folder only its last name, since rows are shared."""
    counts = ", ".join(f"{len(files)} {split}" for split, files in parts.items())
    how = "by hash of the names" if "all" in listed else "by folder"
    if how == "by folder" and "validation" not in listed:
        how = f"by folder, validation {VALIDATION_SHARE:g} of train by hash of the names"
    others = sum(folder.others for folder in listed.values())
    return (
        f"clips of folder {Path(config.folder).name}, files {counts} ({how}), every {config.stride}. frame, centre cut "
        f"out, {config.size}x{config.size}x{config.channels} by area; {others} other files left out"
    )
