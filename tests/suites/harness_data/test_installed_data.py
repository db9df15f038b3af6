"""The real files, where the machine has them. CI installs them; elsewhere the test says what is missing."""

import os
from pathlib import Path

import numpy as np
import pytest

from harness_data.fashion_mnist import DEBIAN_FOLDER, read_fashion_mnist


@pytest.fixture(scope="module")
def splits():
    if not Path(DEBIAN_FOLDER).is_dir():
        reason = "Fashion-MNIST is not installed: apt-get install dataset-fashion-mnist"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return read_fashion_mnist(Path(DEBIAN_FOLDER))


@pytest.mark.parametrize(("split", "count"), [("train", 55_000), ("validation", 5_000), ("test", 10_000)])
def test_the_installed_files_have_the_published_counts(splits, split, count):
    assert splits[split]["images"].shape == (count, 28, 28)
    assert splits[split]["labels"].shape == (count,)


def test_the_classes_of_the_installed_test_split_are_balanced(splits):
    assert np.bincount(splits["test"]["labels"]).tolist() == [1000] * 10
