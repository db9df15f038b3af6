"""Options that cannot be measured are refused when they are read."""

from __future__ import annotations

from typing import Any

import pytest

from harness.configuration import parse_config
from harness.errors import UsageError
from harness_generative.options import DigitSamplesOptions, FashionSamplesOptions, GreyImagesOptions

INCEPTION = {"extractors": ["inception"], "inception_weights": "weights.pth"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"num_samples": 64}, "num_samples=64 for 64 features: their covariance .* more than 64", id="few"),
        pytest.param(
            {"num_samples": 1280, "extractors": ["efficientnet-lite0"]}, "num_samples=1280 for 1280 features", id="wide"
        ),
        pytest.param({"num_samples": 2048, **INCEPTION}, "num_samples=2048 for 2048 features", id="inception"),
        pytest.param({"extractors": ["inception"]}, "inception has no weights; .* give inception_weights", id="none"),
        pytest.param({"inception_weights": "weights.pth"}, "inception_weights is given, but nothing", id="unread"),
        pytest.param({"extractors": ["efficientnet-lite0"] * 2}, "names one twice; name each once", id="twice"),
        pytest.param({"extractors": ["vgg"]}, "efficientnet-lite0.*inception.*not 'vgg'", id="unknown"),
    ],
)
def test_samples_that_cannot_be_measured_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=f"fashion_samples.*{said}"):
        parse_config(FashionSamplesOptions, options, "fashion_samples")


def test_one_sample_more_than_features_is_enough() -> None:
    options = parse_config(FashionSamplesOptions, {"num_samples": 2049, **INCEPTION}, "fashion_samples")
    assert options.widest == 2048


def test_no_covariance_is_taken_of_what_large_networks_see_in_digits() -> None:
    options = parse_config(DigitSamplesOptions, {"num_samples": 65, **INCEPTION}, "digit_samples")
    assert options.widest == 64


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"source": "idx"}, "source=idx has no folder; .* give their folder", id="no-folder"),
        pytest.param({"height": 20}, "height given with source=digits", id="digits"),
        pytest.param({"source": "fashion_mnist", "num_validation": 9}, "num_validation given with", id="clothes"),
        pytest.param({"folder": "here"}, "folder is given with source=digits", id="folder"),
    ],
)
def test_options_of_another_source_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        parse_config(GreyImagesOptions, options, "reconstruction")


def test_options_of_idx_files_reach_the_dataset() -> None:
    given = {"folder": "here", "height": 20, "width": 16, "num_classes": 3, "num_validation": 7}
    request, data = parse_config(GreyImagesOptions, {"source": "idx", **given}, "reconstruction").images()
    assert (request.name, dict(request.options)) == ("idx_images", given)
    assert (data.channels, data.height, data.width, data.num_classes) == (1, 20, 16, 3)


def test_idx_files_hold_images_of_mnist_unless_options_say_otherwise() -> None:
    request, data = GreyImagesOptions(source="idx", folder="here").images()
    assert (data.height, data.width, data.num_classes) == (28, 28, 10)
    assert request.options["num_validation"] == 5000
