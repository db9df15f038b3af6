import numpy as np
import pytest
from sklearn.metrics import log_loss, top_k_accuracy_score

from harness.interfaces import Evidence
from harness_image_classification.metrics import (
    calibration_error,
    few_shot_accuracy,
    images_per_second,
    nll_nats,
    top1_accuracy,
    top5_accuracy,
)


def evidence(count: int = 400, num_classes: int = 10, sharpness: float = 1.0) -> Evidence:
    generator = np.random.default_rng(0)
    logits = sharpness * generator.normal(size=(count, num_classes))
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    return Evidence(arrays={"log_probabilities": logs, "labels": generator.integers(0, num_classes, count)})


def probabilities(found: Evidence) -> np.ndarray:
    return np.exp(found.arrays["log_probabilities"])


def test_accuracies_equal_scikit_learns():
    found = evidence()
    labels, classes = found.arrays["labels"], np.arange(10)
    for metric, k in ((top1_accuracy, 1), (top5_accuracy, 5)):
        expected = top_k_accuracy_score(labels, probabilities(found), k=k, labels=classes)
        assert metric(found).value == pytest.approx(expected, abs=1e-7)


def test_nats_equal_scikit_learns_log_loss():
    found = evidence()
    assert nll_nats(found).value == pytest.approx(log_loss(found.arrays["labels"], probabilities(found)), rel=1e-9)


def test_calibration_error_equals_its_definition():
    found = evidence(sharpness=3.0)
    confidence, hits = probabilities(found).max(axis=1), probabilities(found).argmax(axis=1) == found.arrays["labels"]
    bins = np.minimum(14, (confidence * 15).astype(int))
    gaps = [abs(confidence[bins == b].sum() - hits[bins == b].sum()) for b in range(15)]
    assert calibration_error(found).value == pytest.approx(sum(gaps) / len(hits), abs=1e-6)


def test_calibrated_probabilities_have_little_calibration_error():
    generator = np.random.default_rng(1)
    true = generator.dirichlet(np.ones(4), 20_000)
    labels = (true.cumsum(axis=1) < generator.random((20_000, 1))).sum(axis=1)
    calibrated = Evidence(arrays={"log_probabilities": np.log(true), "labels": labels})
    assert calibration_error(calibrated).value < 0.02


def test_of_five_classes_the_true_one_is_always_among_the_first_five():
    assert top5_accuracy(evidence(num_classes=5)).value == 1.0


def test_few_shot_accuracy_counts_right_predictions():
    arrays = {"predicted": np.array([0, 1, 2, 2]), "labels": np.array([0, 1, 1, 2])}
    assert few_shot_accuracy(Evidence(arrays=arrays)).value == pytest.approx(0.75)


def test_images_per_second_follow_from_the_median_time():
    arrays = {"seconds": np.array([0.1, 0.2, 9.0]), "images": np.array([64, 64, 64])}
    assert images_per_second(Evidence(arrays=arrays)).value == pytest.approx(320)
