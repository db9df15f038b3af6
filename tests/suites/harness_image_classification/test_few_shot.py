import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeClassifierCV

from harness.errors import DataError
from harness.interfaces import ImageData, Training
from harness_image_classification.few_shot import PENALTIES, FewShotTask, _probe, halved
from harness_image_classification.options import FewShotOptions

CPU = torch.device("cpu")
TRAINING = Training(batch_size=32)
STORED = ImageData(num_classes=6, channels=1, height=4, width=4)


def few_shot(**options) -> FewShotTask:
    protocol = FewShotOptions(**options)
    return FewShotTask(dataset=protocol.images()[0], stored=STORED, protocol=protocol)


def evidence_of(task, data, reader):
    return task.evaluate(reader(), data, "test", training=TRAINING, device=CPU)


def test_base_and_new_classes_share_nothing(data):
    base, new = halved(data, new=False), halved(data, new=True)
    assert [len(part.splits["train"]["labels"]) for part in (base, new)] == [150, 150]
    bright = [set(part.splits["train"]["images"].reshape(150, 16).argmax(axis=1)) for part in (base, new)]
    assert bright == [{0, 2, 4}, {1, 3, 5}]
    assert set(new.splits["test"]["labels"]) == {0, 1, 2}


def test_a_model_is_built_for_the_base_classes(data):
    assert few_shot().describe().num_classes == 3
    assert few_shot().references(data) == {"chance": pytest.approx(1 / 3)}


def test_every_draw_scores_every_test_image_of_the_new_classes(data, reader):
    found = evidence_of(few_shot(shots=(2, 10), draws=3), data, reader)
    assert len(found.arrays["predicted"]) == 2 * 3 * 60
    assert np.unique(found.groups["shots"], return_counts=True)[1].tolist() == [180, 180]


def test_more_shots_make_the_probe_better(data, reader):
    found = evidence_of(few_shot(shots=(1, 40), draws=10), data, reader)
    right = found.arrays["predicted"] == found.arrays["labels"]
    few, many = (right[found.groups["shots"] == shots].mean() for shots in (1, 40))
    assert many > few


def test_all_models_see_the_same_examples(data, reader):
    first, second = (evidence_of(few_shot(shots=(3,), draws=2), data, reader) for _ in range(2))
    assert np.array_equal(first.arrays["predicted"], second.arrays["predicted"])


def test_more_shots_than_images_are_refused(data, reader):
    with pytest.raises(DataError, match="shots=51; a new class of made has 50 training images; ask for fewer"):
        evidence_of(few_shot(shots=(51,)), data, reader)


def test_the_probe_is_ridge_regression_in_closed_form():
    generator = np.random.default_rng(0)
    features, labels = generator.normal(size=(30, 5)), np.arange(30) % 3
    probe = _probe(features, labels)
    penalty = probe[-1].alpha_
    standard = (features - features.mean(axis=0)) / features.std(axis=0)
    targets = 2.0 * np.eye(3)[labels] - 1.0
    weights = np.linalg.solve(
        standard.T @ standard + penalty * np.eye(5), standard.T @ (targets - targets.mean(axis=0))
    )
    assert penalty in PENALTIES
    assert isinstance(probe[-1], RidgeClassifierCV)
    np.testing.assert_allclose(probe[-1].coef_, weights.T, rtol=1e-8, atol=1e-10)
