"""Room for images: in memory up to a limit, beyond it in a file that needs enough free space."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from harness.errors import DataError
from harness_data.image_arrays import allocate_images, pack_labels

COUNTS = {"train": 3, "test": 2}
BYTES = 5 * 4 * 4 * 3


@pytest.mark.parametrize("memory_bytes", [BYTES, BYTES - 1], ids=["memory", "disk"])
def test_arrays_hold_what_is_written(memory_bytes: int) -> None:
    arrays = allocate_images(COUNTS, (4, 4, 3), memory_bytes)
    drawn = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    arrays["train"][:] = drawn
    assert np.array_equal(arrays["train"], drawn)
    assert arrays["test"].shape == (2, 4, 4, 3)


@pytest.mark.parametrize(("memory_bytes", "mapped"), [(BYTES, False), (BYTES - 1, True)], ids=["fits", "one-too-many"])
def test_arrays_are_mapped_beyond_the_limit(memory_bytes: int, mapped: bool) -> None:
    assert isinstance(allocate_images(COUNTS, (4, 4, 3), memory_bytes)["train"], np.memmap) == mapped


def test_mapped_arrays_leave_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    arrays = allocate_images(COUNTS, (4, 4), 0)
    arrays["test"][:] = 7
    assert not list(tmp_path.iterdir())


def test_too_little_room_names_the_folder_and_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=BYTES - 1))
    with pytest.raises(DataError, match=f"take {BYTES} bytes .* has {BYTES - 1} free.*TMPDIR"):
        allocate_images(COUNTS, (4, 4, 3), 0)


@pytest.mark.parametrize(("num_classes", "dtype"), [(256, np.uint8), (257, np.int64)])
def test_labels_are_bytes_where_all_classes_fit(num_classes: int, dtype: type) -> None:
    labels = pack_labels([0, num_classes - 1], num_classes)
    assert labels.dtype == dtype
    assert labels.tolist() == [0, num_classes - 1]
