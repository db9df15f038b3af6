from itertools import islice

import numpy as np
import pytest
import torch

from harness.runtime.augmentation import Augmentation, boxes, cropped, shifted
from harness.runtime.images import ImageStore, Preparation, Standardisation, evaluation_batches, training_batches

CPU = torch.device("cpu")


def arrays(count: int = 50, channels: int = 3) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    shape = (count, 6, 5) if channels == 1 else (count, 6, 5, channels)
    return {
        "images": generator.integers(0, 256, shape, dtype=np.uint8),
        "labels": generator.integers(0, 4, count, dtype=np.uint8),
    }


def batches(store: ImageStore, count: int = 7, augmentation: Augmentation | None = None, seed: int = 3):
    return list(
        islice(
            training_batches(
                store,
                Preparation(standardisation=Standardisation(mean=(100.0,), deviation=(50.0,))),
                augmentation or Augmentation(),
                num_classes=4,
                batch_size=16,
                order=np.random.default_rng(seed),
                draws=np.random.default_rng(seed + 1),
            ),
            count,
        )
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_standardised_images_have_mean_zero_and_deviation_one_in_each_channel(channels):
    images = arrays(channels=channels)["images"]
    store = ImageStore({"images": images, "labels": np.zeros(50)}, CPU)
    standard = Standardisation.of(images).apply(store.take(slice(None))[0]).double()
    torch.testing.assert_close(standard.mean(dim=(0, 2, 3)), torch.zeros(channels).double(), rtol=0, atol=1e-5)
    torch.testing.assert_close(
        standard.var(dim=(0, 2, 3), correction=0), torch.ones(channels).double(), rtol=0, atol=1e-5
    )


def test_a_channel_that_never_varies_becomes_zero():
    images = np.full((4, 2, 2), 7, dtype=np.uint8)
    standard = Standardisation.of(images).apply(torch.from_numpy(images)[:, None])
    assert not standard.any()


def test_images_on_the_disk_give_the_same_batches_as_those_on_the_device():
    resident, read = ImageStore(arrays(), CPU), ImageStore(arrays(), CPU, resident_bytes=0)
    assert (resident.resident, read.resident) == (True, False)
    pairs = list(zip(batches(resident), batches(read), strict=True))
    assert all(torch.equal(a.inputs, b.inputs) and torch.equal(a.targets, b.targets) for a, b in pairs)


def test_every_epoch_shows_every_image_once():
    store = ImageStore({"images": arrays(48)["images"], "labels": np.arange(48)}, CPU)
    seen = torch.cat([batch.targets for batch in batches(store, count=6)])
    assert [sorted(seen[:48].tolist()), sorted(seen[48:].tolist())] == [list(range(48))] * 2


def test_evaluation_shows_every_image_once_in_order():
    data = arrays()
    preparation = Preparation(standardisation=Standardisation(mean=(0.0,), deviation=(1.0,)))
    shown = torch.cat([batch.inputs for batch in evaluation_batches(ImageStore(data, CPU), preparation, 16)])
    assert np.array_equal(shown.numpy(), data["images"].transpose(0, 3, 1, 2))


def test_resizing_to_twice_the_side_keeps_flat_images_flat():
    preparation = Preparation(standardisation=Standardisation(mean=(0.0,), deviation=(1.0,)), size=(12, 10))
    resized = preparation.apply(torch.full((1, 1, 6, 5), 9, dtype=torch.uint8))
    torch.testing.assert_close(resized, torch.full((1, 1, 12, 10), 9.0))


def test_shifting_moves_each_image_by_its_own_offset_and_fills_with_zeros():
    images = torch.arange(1, 13, dtype=torch.uint8).view(1, 1, 3, 4).repeat(2, 1, 1, 1)
    moved = shifted(images, np.array([[0, 0], [1, -1]]), np.array([False, False]), 1)
    # What is read for (1, -1) lies one row further down and one column further left.
    expected = torch.tensor([[0, 5, 6, 7], [0, 9, 10, 11], [0, 0, 0, 0]], dtype=torch.uint8)
    assert torch.equal(moved[0], images[0])
    assert torch.equal(moved[1, 0], expected)


def test_mirroring_is_of_the_shifted_image():
    images = torch.from_numpy(arrays()["images"]).movedim(-1, 1)[:2]
    offsets = np.array([[2, 1], [-1, 2]])
    plain = shifted(images, offsets, np.array([False, False]), 2)
    mixed = shifted(images, offsets, np.array([True, False]), 2)
    assert torch.equal(mixed, torch.stack([plain[0].flip(2), plain[1]]))


def test_cropping_the_whole_image_changes_nothing():
    images = torch.from_numpy(arrays()["images"]).movedim(-1, 1)
    whole = np.tile([0.0, 0.0, 1.0, 1.0], (len(images), 1))
    assert torch.equal(cropped(images, whole), images)


def test_cropping_a_quarter_of_a_ramp_shows_that_quarter():
    ramp = torch.arange(0, 160, 10, dtype=torch.uint8).view(1, 1, 1, 16).expand(1, 1, 16, 16)
    quarter = cropped(ramp.contiguous(), np.array([[0.5, 0.5, 0.5, 0.5]]))
    # The middle of output pixel j lies at 8 + (j + 0.5) / 2 of the image; a pixel's value stands at its middle.
    expected = 10 * (8 + (torch.arange(16) + 0.5) / 2 - 0.5)
    torch.testing.assert_close(quarter[0, 0, 3].float(), expected.clamp(max=150), rtol=0, atol=0.51)


def test_boxes_lie_inside_the_image_and_have_the_asked_area():
    drawn = boxes(10_000, (32, 32), 0.08, np.random.default_rng(0))
    area = drawn[:, 2] * drawn[:, 3]
    assert drawn.min() >= 0
    assert (drawn[:, :2] + drawn[:, 2:]).max() <= 1 + 1e-12
    # A rectangle that would stick out is cut, which can only make it smaller, by at most the ratio.
    assert area.min() >= 0.08 * 0.75
    assert area.mean() == pytest.approx(0.54, abs=0.03)


def test_half_of_the_images_are_mirrored():
    images = np.zeros((4000, 1, 2), dtype=np.uint8)
    images[:, 0, 0] = 1
    moved = Augmentation(flip=True).moved(torch.from_numpy(images)[:, None], np.random.default_rng(0))
    assert float(moved[:, 0, 0, 1].float().mean()) == pytest.approx(0.5, abs=0.03)


def test_mixup_mixes_images_and_targets_by_the_same_weight():
    labels = torch.tensor([0, 1, 2, 3])
    images = torch.nn.functional.one_hot(labels, 4).float().view(4, 1, 2, 2)
    inputs, targets = Augmentation(mixup=1.0).mixed(images, labels, 4, np.random.default_rng(0))
    torch.testing.assert_close(inputs.flatten(1), targets)
    torch.testing.assert_close(targets.sum(1), torch.ones(4))


def test_augmented_batches_follow_from_the_seed():
    augmentation = Augmentation(shift=2, resized_crop=0.3, flip=True, mixup=0.2)
    first, second = (batches(ImageStore(arrays(), CPU), augmentation=augmentation) for _ in range(2))
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(first, second, strict=True))
