"""Scores of class probabilities: their bounds, known cases, and torchmetrics."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from harness.errors import UsageError
from harness.runtime.fitting import Diverged
from harness_generative.class_scores import class_coverage, class_entropy_nats, inception_score


def random_logits() -> Tensor:
    return 2 * torch.randn(200, 10, generator=torch.Generator().manual_seed(0))


def certain(*classes: int, num_classes: int = 4) -> Tensor:
    return torch.eye(num_classes)[list(classes)]


def test_score_is_one_when_nothing_is_recognised() -> None:
    assert inception_score(torch.full((9, 4), 0.25)) == pytest.approx(1.0, rel=1e-12)


def test_score_is_one_when_all_images_are_of_one_class() -> None:
    assert inception_score(certain(2, 2, 2)) == pytest.approx(1.0, rel=1e-12)


def test_score_is_the_number_of_classes_when_all_are_certain_and_equally_frequent() -> None:
    assert inception_score(certain(0, 1, 2, 3)) == pytest.approx(4.0, rel=1e-12)


def test_score_is_the_exponential_of_the_mean_divergence() -> None:
    p = random_logits().double().softmax(dim=1)
    divergences = (p * (p.log() - p.mean(dim=0).log())).sum(dim=1)
    assert inception_score(p) == pytest.approx(math.exp(divergences.mean()), rel=1e-12)


@pytest.mark.filterwarnings("ignore:Metric .* will save all extracted features", "ignore:std.*degrees of freedom")
def test_torchmetrics_gives_the_same_score() -> None:
    from torchmetrics.image.inception import InceptionScore

    theirs = InceptionScore(feature=nn.Identity(), splits=1)
    theirs.update(random_logits())
    assert inception_score(random_logits().softmax(dim=1)) == pytest.approx(float(theirs.compute()[0]), rel=1e-5)


def test_coverage_counts_the_classes_that_occur() -> None:
    assert class_coverage(certain(0, 0, 3)) == 0.5


@pytest.mark.parametrize(
    ("classes", "nats"),
    [
        pytest.param((1, 1, 1), 0.0, id="one-class"),
        pytest.param((0, 1, 2, 3), math.log(4), id="all-equally"),
        pytest.param((0, 0, 0, 2), 0.75 * math.log(4 / 3) + 0.25 * math.log(4), id="uneven"),
    ],
)
def test_entropy_is_that_of_the_predicted_classes(classes: tuple[int, ...], nats: float) -> None:
    assert class_entropy_nats(certain(*classes)) == pytest.approx(nats, abs=1e-12)


@pytest.mark.parametrize("score", [inception_score, class_coverage, class_entropy_nats])
def test_logits_are_refused(score) -> None:
    with pytest.raises(UsageError, match="give the softmax of the logits"):
        score(random_logits())


def test_no_image_is_refused() -> None:
    with pytest.raises(UsageError, match=r"\[0, 4\] must be at least one row"):
        inception_score(torch.empty(0, 4))


def test_probabilities_that_are_not_finite_are_refused() -> None:
    with pytest.raises(Diverged, match="class probabilities: not every number is finite"):
        inception_score(torch.full((3, 4), float("nan")))
