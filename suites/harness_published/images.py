"""Beside the tasks on CIFAR: Vision Transformers from large sets of images, and a residual network from nothing."""

from __future__ import annotations

from harness_published.beside import Beside

UNIT = "The board's accuracies are fractions of one."
FINE_TUNED = (
    "Pre-trained on ImageNet or larger sets and fine-tuned at 384 pixels there; here from nothing at 32 pixels, unless "
    f"the board's conditions name a file of weights or another size. {UNIT}"
)
FROM_NOTHING = (
    f"From nothing there and here; size, schedule and augmentation here are the board's, and part of the training "
    f"images is held out for validation. {UNIT}"
)


def _cifar(task: str, dataset: str, printed_task: str, metric: str, sources: tuple[str, ...], differs: str) -> Beside:
    return Beside(
        task=task,
        metrics=("top1_accuracy",),
        printed_task=printed_task,
        printed_metric=metric,
        datasets=(dataset,),
        sources=sources,
        quantity="accuracy",
        unit="%",
        differs=differs,
    )


TABLES = ("Dosovitskiy et al. 2020 Table 2", "Dosovitskiy et al. 2020 Table 5")

BESIDE = (
    _cifar("cifar10", "CIFAR-10", "image classification", "accuracy_pct", ("Gu et al. 2021 Sec. 4.3",), FROM_NOTHING),
    _cifar("cifar10", "CIFAR-10", "image classification (fine-tuned)", "top1_accuracy_pct", TABLES, FINE_TUNED),
    _cifar("cifar100", "CIFAR-100", "image classification (fine-tuned)", "top1_accuracy_pct", TABLES, FINE_TUNED),
)
