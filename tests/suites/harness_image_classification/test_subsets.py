import numpy as np
import pytest

from harness.errors import DataError
from harness_image_classification.subsets import balanced_subset

LABELS = np.repeat(np.arange(5), [50, 40, 30, 20, 10])


def chosen(count: int, seed: int = 0) -> np.ndarray:
    return balanced_subset(LABELS, count, np.random.default_rng(seed), "made")


@pytest.mark.parametrize("count", [5, 7, 25, 50])
def test_classes_differ_by_at_most_one_while_all_have_images(count):
    counts = np.bincount(LABELS[chosen(count)], minlength=5)
    assert counts.sum() == count
    assert counts.max() - counts.min() <= 1


def test_classes_that_run_out_leave_their_places_to_the_others():
    assert np.bincount(LABELS[chosen(100)]).tolist() == [24, 23, 23, 20, 10]


def test_a_smaller_subset_is_part_of_a_larger_one():
    assert set(chosen(20)) <= set(chosen(60)) <= set(chosen(150))


def test_seeds_choose_different_images():
    assert set(chosen(20)) != set(chosen(20, seed=1))


def test_more_than_there_are_is_refused():
    with pytest.raises(DataError, match="train_images=151; made has 150 training images"):
        chosen(151)
