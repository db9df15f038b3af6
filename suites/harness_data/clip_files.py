"""Folders of clips: which files and folders of numbered frames there are, and that splits share none of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from harness.errors import DataError

Kind: TypeAlias = Literal["array", "gif", "video", "frames"]

FRAME_SUFFIXES = (".png", ".jpg", ".jpeg")
VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ogv", ".webm")
KINDS: Mapping[str, Kind] = {".npy": "array", ".gif": "gif", **dict.fromkeys(VIDEO_SUFFIXES, "video")}


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipFile:
    """A file of clips, or a folder whose numbered frames are one; `parts` are its files in order.

    `name` is its path below the listed folder, `identity` what tells whether two names are one file.
    """

    name: str
    path: Path
    kind: Kind
    parts: tuple[Path, ...]
    identity: tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipFolder:
    """What a folder holds, sorted by name; `others` counts the files that are no clips."""

    root: Path
    files: tuple[ClipFile, ...]
    others: int


def list_clip_files(root: Path) -> ClipFolder:
    """All clips below a folder; what is hidden is left out.

    Raises DataError that names a folder without clips, one whose frames are not numbered as one clip's are, and
    what cannot be looked at.
    """
    files: list[ClipFile] = []
    others = 0
    for folder, names in _walk(root):
        pictures = [name for name in names if Path(name).suffix.lower() in FRAME_SUFFIXES]
        if ordered := _in_order(folder, pictures):
            files.append(_clip_file(root, folder, "frames", [folder / name for name in ordered]))
        for name in names:
            if kind := KINDS.get(Path(name).suffix.lower()):
                files.append(_clip_file(root, folder / name, kind, [folder / name]))
            elif name not in ordered:
                others += 1
    if not files:
        raise DataError(
            f"{root} holds no clips, but {others} other files; .npy, GIF, video files or folders of numbered PNG or "
            "JPEG frames are read; give another folder"
        )
    return ClipFolder(root=root, files=tuple(sorted(files, key=lambda file: file.name)), others=others)


def check_disjoint_clips(parts: Mapping[str, Iterable[ClipFile]]) -> None:
    """Raises DataError that names a file which links put into two splits."""
    seen: dict[tuple[int, int], tuple[str, Path]] = {}
    for split, files in parts.items():
        for file in files:
            other_split, other = seen.setdefault(file.identity, (split, file.path))
            if other_split != split:
                raise DataError(
                    f"{file.path} ({split}) and {other} ({other_split}) are links to one file; it may be in one split "
                    "only; remove one of them"
                )


def _walk(root: Path) -> Iterator[tuple[Path, list[str]]]:
    """Each folder once, though links may lead to it again, with the names of its files."""
    entered: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(root, followlinks=True, onerror=_refuse):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        status = Path(folder).stat()
        if (status.st_dev, status.st_ino) in entered:
            folders.clear()
            continue
        entered.add((status.st_dev, status.st_ino))
        yield Path(folder), sorted(name for name in names if not name.startswith("."))


def _refuse(error: OSError) -> None:
    raise DataError(f"{error.filename} cannot be read ({error.strerror}); make it readable or remove it") from error


def _in_order(folder: Path, names: Sequence[str]) -> list[str]:
    """The names by their numbers, so that 2 comes before 10; none where no name has a number."""
    patterns = {re.sub(r"\d+", "#", Path(name).stem): name for name in names}
    if not any("#" in pattern for pattern in patterns):
        return []
    if len(patterns) > 1:
        first, second, *_ = patterns.values()
        raise DataError(
            f"{folder} holds {first} and {second}, which are not numbered alike; a folder's frames are one clip; give "
            "each clip a folder of its own and move other pictures away"
        )
    by_number: dict[tuple[int, ...], str] = {}
    for name in names:
        other = by_number.setdefault(tuple(int(digits) for digits in re.findall(r"\d+", Path(name).stem)), name)
        if other != name:
            raise DataError(f"{folder} holds {other} and {name} of the same number; one frame each is needed; keep one")
    return [by_number[numbers] for numbers in sorted(by_number)]


def _clip_file(root: Path, path: Path, kind: Kind, parts: Sequence[Path]) -> ClipFile:
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}); make it readable or remove it") from error
    name = path.relative_to(root).as_posix()
    return ClipFile(name=name, path=path, kind=kind, parts=tuple(parts), identity=(status.st_dev, status.st_ino))
