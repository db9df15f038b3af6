"""Frames of arrays, GIFs, folders and videos, one after the other."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import DataError, MissingDataError
from harness.interfaces import Array
from harness_data.clip_files import ClipFile
from harness_data.files import read_bytes
from harness_data.square_images import decoding_errors

if TYPE_CHECKING:
    from PIL import Image

LAYOUTS = "uint8 [N, T, H, W] or [T, H, W], with or without a last axis of 1 or 3 channels"
COLOURS = (1, 3)


def read_sequences(file: ClipFile) -> Iterator[Iterable[Array]]:
    """The frames uint8 [H, W] or [H, W, 3] of each of the file's sequences; only arrays have more than one.

    Raises DataError that names a file which is damaged or no such thing, MissingDataError where a video needs the
    package av and it is not installed.
    """
    if file.kind == "array":
        yield from _read_array(file.path)
    elif file.kind == "gif":
        yield _read_gif(file.path)
    elif file.kind == "frames":
        yield (_read_picture(path) for path in file.parts)
    else:
        yield _read_video(file.path)


def _read_array(path: Path) -> Iterator[Array]:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{path}: the array cannot be read ({error}); {LAYOUTS} is needed; save it again") from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{path} is an archive of arrays; one array {LAYOUTS} is needed; save it with np.save")
    if array.dtype != np.uint8:
        raise DataError(
            f"{path}: values are {array.dtype}; {LAYOUTS} is needed; save bytes from 0 to 255, such as "
            "(255 * values).round().astype(np.uint8) where they lie from 0 to 1"
        )
    # Nothing is three pixels wide, so a last axis of 1 or 3 is one of channels.
    has_channels = array.ndim > 3 and array.shape[-1] in COLOURS
    if array.ndim - has_channels not in (3, 4) or not array.size:
        raise DataError(
            f"{path}: the array is {list(array.shape)}; {LAYOUTS}, none of them 0, is needed; transpose or cut it"
        )
    if has_channels and array.shape[-1] == 1:
        array = array[..., 0]
        has_channels = False
    yield from array if array.ndim - has_channels == 4 else array[None]


def _read_gif(path: Path) -> Iterator[Array]:
    from PIL import Image, ImageSequence

    content = read_bytes(path)
    damage: tuple[type[Exception], ...] = (*decoding_errors(), IndexError)
    try:
        with Image.open(io.BytesIO(content), formats=("GIF",)) as image:
            for frame in ImageSequence.Iterator(image):
                yield _bytes(frame, path)
    except damage as error:
        raise DataError(f"{path}: the GIF cannot be read ({error}); a whole one is needed; fetch it again") from error


def _read_picture(path: Path) -> Array:
    from PIL import Image

    content = read_bytes(path)
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as image:
            return _bytes(image, path)
    except decoding_errors() as error:
        raise DataError(
            f"{path}: the frame cannot be read ({error}); a whole PNG or JPEG is needed; fetch it again"
        ) from error


def _bytes(image: Image.Image, path: Path) -> Array:
    if image.mode == "F" or image.mode.startswith("I"):
        raise DataError(f"{path}: pixels of mode {image.mode}; 8 bits a channel are needed; convert the frames")
    if image.has_transparency_data:
        image = image.convert("RGBA")
    return np.asarray(image.convert("RGB"))


def _read_video(path: Path) -> Iterator[Array]:
    try:
        import av
    except ImportError as error:
        raise MissingDataError(
            f"the package av is not installed; it reads {path}; install it with `pip install 'arch-harness[video]'` or "
            "give .npy, GIF or folders of frames"
        ) from error
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise DataError(f"{path} has no picture; a video is needed; remove it")
            for frame in container.decode(video=0):
                yield frame.to_ndarray(format="rgb24")
    except av.FFmpegError as error:
        raise DataError(f"{path}: the video cannot be read ({error}); a whole one is needed; fetch it again") from error
