"""Extractors: the committed weights are those that the code names and that were recorded; bad images are refused."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from harness.errors import DataError, PluginError, UsageError
from harness.runtime.fitting import Diverged
from harness_data.digits import read_digits
from harness_data.fashion_mnist import DEBIAN_FOLDER, read_fashion_mnist
from harness_generative.extractors import EXTRACTORS, Extractor, load_extractor, read_weights
from harness_generative.train_extractor import RECIPES, train

NAMES = sorted(EXTRACTORS)


def facts(name: str) -> Mapping[str, Any]:
    return json.loads(EXTRACTORS[name].weights.with_suffix(".json").read_text(encoding="utf-8"))


def noise(name: str, count: int = 12) -> Tensor:
    data = EXTRACTORS[name].data
    return torch.rand(count, data.channels, data.height, data.width, generator=torch.Generator().manual_seed(0))


def measured_accuracy(extractor: Extractor, arrays: Mapping[str, np.ndarray], levels: int) -> float:
    images = torch.from_numpy(arrays["images"].astype(np.float32))[:, None] / (levels - 1)
    predicted = extractor.extract(images).probabilities.argmax(dim=1).numpy()
    return float((predicted == arrays["labels"]).mean())


@pytest.fixture(scope="module")
def digits() -> Extractor:
    return load_extractor("digits-cnn-v1")


@pytest.mark.parametrize("name", NAMES)
def test_record_is_of_the_committed_weights(name: str) -> None:
    content = EXTRACTORS[name].weights.read_bytes()
    assert facts(name)["sha256"] == EXTRACTORS[name].sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_small(name: str) -> None:
    assert EXTRACTORS[name].weights.stat().st_size < 300_000


@pytest.mark.parametrize("name", NAMES)
def test_features_and_probabilities_have_the_declared_widths(name: str) -> None:
    found = load_extractor(name).extract(noise(name))
    assert found.features.shape == (12, EXTRACTORS[name].width)
    assert found.probabilities.shape == (12, EXTRACTORS[name].data.num_classes)


def test_probabilities_add_up_to_one(digits: Extractor) -> None:
    sums = digits.extract(noise("digits-cnn-v1")).probabilities.sum(dim=1)
    torch.testing.assert_close(sums, torch.ones(12, dtype=torch.float64), rtol=1e-12, atol=0)


def test_features_of_an_image_do_not_depend_on_the_others(digits: Extractor) -> None:
    images = noise("digits-cnn-v1", 40)
    together, alone = digits.extract(images), digits.extract(images[5:6])
    torch.testing.assert_close(together.features[5:6], alone.features, rtol=1e-5, atol=1e-5)


def test_digits_accuracy_is_the_recorded_one(digits: Extractor) -> None:
    recorded = facts("digits-cnn-v1")["test_accuracy"]
    # Another machine may round one image of the three hundred to another class.
    assert measured_accuracy(digits, read_digits()["test"], 17) == pytest.approx(recorded, abs=1.01 / 300)
    assert recorded > 0.97


def test_fashion_accuracy_is_the_recorded_one() -> None:
    if not Path(DEBIAN_FOLDER).is_dir():
        reason = "Fashion-MNIST is not installed: apt-get install dataset-fashion-mnist"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    recorded = facts("fashion-cnn-v1")["test_accuracy"]
    extractor = load_extractor("fashion-cnn-v1")
    found = measured_accuracy(extractor, read_fashion_mnist(Path(DEBIAN_FOLDER))["test"], 256)
    assert found == pytest.approx(recorded, abs=3.01 / 10_000)
    assert recorded > 0.89


@pytest.mark.parametrize("name", NAMES)
def test_recorded_recipe_is_the_one_in_the_code(name: str) -> None:
    recorded = facts(name)["recipe"]
    assert replace(RECIPES[name], **recorded) == RECIPES[name]


def test_training_twice_gives_the_same_weights() -> None:
    spec, recipe = EXTRACTORS["digits-cnn-v1"], replace(RECIPES["digits-cnn-v1"], epochs=1)
    first, second = (train(spec, recipe, read_digits()).state_dict() for _ in range(2))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_loading_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    load_extractor("digits-cnn-v1")
    assert torch.equal(torch.get_rng_state(), before)


def test_features_have_a_mean_square_of_one_on_the_training_images(digits: Extractor) -> None:
    images = torch.from_numpy(read_digits()["train"]["images"].astype(np.float32))[:, None] / 16
    assert float(digits.extract(images).features.square().mean()) == pytest.approx(1.0, rel=1e-4)


def test_no_feature_is_constant(digits: Extractor) -> None:
    images = torch.from_numpy(read_digits()["test"]["images"].astype(np.float32))[:, None] / 16
    assert float(digits.extract(images).features.std(dim=0).min()) > 0.1


def test_training_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    train(EXTRACTORS["digits-cnn-v1"], replace(RECIPES["digits-cnn-v1"], epochs=1), read_digits())
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("images", "said"),
    [
        pytest.param(2 * torch.rand(4, 1, 8, 8) - 1, r"pixels lie from -0\..*; 0 to 1 is expected", id="minus-one"),
        pytest.param(torch.full((4, 1, 8, 8), 16.0), "pixels lie from 16 to 16", id="levels"),
        pytest.param(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), "pixels are torch.uint8", id="bytes"),
        pytest.param(torch.zeros(4, 3, 8, 8), r"\[4, 3, 8, 8\]; digits-cnn-v1 reads \[N, 1, 8, 8\]", id="channels"),
        pytest.param(torch.zeros(4, 1, 28, 28), r"\[4, 1, 28, 28\]; digits-cnn-v1 reads", id="size"),
        pytest.param(torch.zeros(4, 8, 8), r"\[4, 8, 8\]; \[N, channels, height, width\]", id="no-channels"),
        pytest.param(torch.zeros(0, 1, 8, 8), r"\[0, 1, 8, 8\]; .* N > 0", id="none"),
    ],
)
def test_images_of_another_kind_are_refused(digits: Extractor, images: Tensor, said: str) -> None:
    with pytest.raises(PluginError, match=f"samples.*{said}"):
        digits.extract(images, subject="samples")


def test_images_that_are_not_finite_are_refused(digits: Extractor) -> None:
    with pytest.raises(Diverged, match="samples: not every number is finite"):
        digits.extract(torch.full((4, 1, 8, 8), float("nan")), subject="samples")


def test_unknown_extractor_suggests_nearest() -> None:
    with pytest.raises(UsageError, match="no extractor 'digit-cnn'; did you mean digits-cnn-v1"):
        load_extractor("digit-cnn")


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    spec = EXTRACTORS["digits-cnn-v1"]
    content = bytearray(spec.weights.read_bytes())
    content[-1] ^= 1
    changed = tmp_path / spec.weights.name
    changed.write_bytes(content)
    with pytest.raises(DataError, match=f"SHA-256 .* {spec.sha256[:16]}... is expected; .* install the package again"):
        read_weights(changed, spec.sha256)


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.safetensors cannot be read .*; install it again"):
        read_weights(tmp_path / "none.safetensors", "")
