"""Folders of images, one for each class, as ImageNet is laid out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from harness.errors import DataError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp")


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFile:
    """An image by class and name, with what tells whether its content changed and whether two names are one file."""

    name: str
    label: int
    size: int
    modified: int
    identity: tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassFolders:
    """The images of a split's folder, sorted by class and name; `name` in an image is `<class>/<file>`.

    `others` counts the files beside the images whose suffix is another.
    """

    root: Path
    classes: tuple[str, ...]
    files: tuple[ImageFile, ...]
    others: int

    def path(self, file: ImageFile) -> Path:
        """Where an image lies."""
        return self.root / file.name


def list_class_folders(root: Path) -> ClassFolders:
    """What a split's folder holds. Hidden files and folders are left out, and so are files beside the class folders.

    Raises DataError that names a folder without classes, a class without images and a file that cannot be looked at.
    """
    try:
        classes = tuple(entry.name for entry in _visible(root) if entry.is_dir())
        if not classes:
            raise DataError(f"{root} holds no folder; each class needs one for its images; add them or move it away")
        files: list[ImageFile] = []
        others = 0
        for label, name in enumerate(classes):
            entries = [entry for entry in _visible(root / name) if not entry.is_dir()]
            images = [entry for entry in entries if entry.name.lower().endswith(SUFFIXES)]
            if not images:
                raise DataError(
                    f"{root / name} holds no image ({', '.join(SUFFIXES)}); every class needs at least one; add images "
                    "or remove the folder"
                )
            others += len(entries) - len(images)
            files += [_image_file(name, label, entry) for entry in images]
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read ({error.strerror}); make it readable or remove it") from error
    return ClassFolders(root=root, classes=classes, files=tuple(files), others=others)


def stamp_class_folders(parts: Iterable[ClassFolders]) -> str:
    """A digest of the names, sizes and times of modification."""
    digest = hashlib.sha256()
    for part in parts:
        for file in part.files:
            digest.update(
                f"{part.root.name}/{file.name}\0{file.size}\0{file.modified}\n".encode(errors="surrogateescape")
            )
    return digest.hexdigest()


def check_disjoint(named: Iterable[tuple[str, Path, ImageFile]]) -> None:
    """Takes split, path and file of every image. Raises DataError that names a file which links put into two splits."""
    seen: dict[tuple[int, int], tuple[str, Path]] = {}
    for split, path, file in named:
        other_split, other = seen.setdefault(file.identity, (split, path))
        if other_split != split:
            raise DataError(
                f"{path} ({split}) and {other} ({other_split}) are links to one file; an image may be in one split "
                "only; remove one of them"
            )


def _visible(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if not entry.name.startswith(".")), key=lambda entry: entry.name)


def _image_file(class_name: str, label: int, entry: os.DirEntry[str]) -> ImageFile:
    status = entry.stat()
    return ImageFile(
        name=f"{class_name}/{entry.name}",
        label=label,
        size=status.st_size,
        modified=status.st_mtime_ns,
        identity=(status.st_dev, status.st_ino),
    )
