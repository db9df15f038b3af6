"""Whether images keep up with training: the same steps with real, augmented batches and on one resident batch.

    python benchmarks/image_loader.py

Interleaves rounds of both and prints, for each model and augmentation (that of the suite at `small`, and all of it),
the ratio of the medians with the quartiles of the rounds' ratios. 1.05 is the limit that the project sets itself. Runs
on a GPU where there is one.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from torch import nn

from harness.interfaces import ImageBatch, ImageData, Training
from harness.planning.resolution import resolve_device
from harness.runtime.augmentation import Augmentation
from harness.runtime.images import ImageStore, Preparation, Standardisation, training_batches
from harness.runtime.learning import DefaultClassifierLearner
from harness_baselines.images.config import ConvNetConfig
from harness_baselines.images.convnet import ConvNet
from harness_sequence.attention.fused import attention
from harness_vit.builders import build
from harness_vit.config import ViTConfig

ROUNDS, STEPS, BATCH = 15, 20, 64
AUGMENTATIONS = {"flip": Augmentation(flip=True), "all": Augmentation(shift=2, flip=True, mixup=0.2)}
DATA = ImageData(num_classes=10, channels=1, height=28, width=28)


def models(device: torch.device) -> dict[str, nn.Module]:
    """The two models of the suite that matter, at the sizes of `small`."""
    return {
        "vit": build(ViTConfig(patch_size=7, num_layers=2), DATA, {"attention": attention}).to(device),
        "convnet": ConvNet(ConvNetConfig(width=18, stem_stride=2), DATA).to(device),
    }


def real_batches(device: torch.device, augmentation: Augmentation) -> Iterator[ImageBatch]:
    """Of sixty thousand images."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (60_000, 28, 28), dtype=np.uint8)
    store = ImageStore({"images": images, "labels": generator.integers(0, 10, 60_000)}, device)
    return training_batches(
        store,
        Preparation(standardisation=Standardisation.of(images)),
        augmentation,
        num_classes=10,
        batch_size=BATCH,
        order=np.random.default_rng(1),
        draws=np.random.default_rng(2),
    )


def seconds(learner: DefaultClassifierLearner, give: Callable[[], ImageBatch], device: torch.device) -> float:
    started = time.perf_counter()
    for _ in range(STEPS):
        learner.train_step(give())
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def main() -> None:
    torch.set_num_threads(1)
    device = torch.device(resolve_device("auto")[0])
    for (name, module), (protocol, augmentation) in itertools.product(models(device).items(), AUGMENTATIONS.items()):
        batches = real_batches(device, augmentation)
        resident = next(batches)
        learner = DefaultClassifierLearner(module, training=Training(), steps=10**6)
        gives = (partial(next, batches), partial(next, itertools.repeat(resident)))
        seconds(learner, gives[0], device)
        rounds = [tuple(seconds(learner, give, device) for give in gives) for _ in range(ROUNDS)]
        real, fixed = (statistics.median(column) for column in zip(*rounds, strict=True))
        low, _, high = statistics.quantiles([a / b for a, b in rounds], n=4)
        print(
            f"{name} on {device}, {protocol}: {1000 * real / STEPS:.2f} ms a step with images, "
            f"{1000 * fixed / STEPS:.2f} ms on one batch; ratio {real / fixed:.3f}, quartiles {low:.3f} to {high:.3f}"
        )


if __name__ == "__main__":
    main()
