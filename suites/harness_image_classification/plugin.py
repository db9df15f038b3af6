"""What this plugin declares: tasks on images, their metrics and the suite."""

from harness.hookspecs import hookimpl
from harness.specs import Capability, MetricSpec, Ref, SuiteSpec, TaskSpec
from harness_image_classification.sources import VIT

HERE = "harness_image_classification"
CLASSIFICATION = ("top1_accuracy", "top5_accuracy", "nll_nats", "calibration_error")
# name, whose options, what is asked
CLASSIFICATIONS = (
    ("digits", "Digits", "name the digit in 8x8 pixels"),
    ("fashion_mnist", "FashionMnist", "name the garment in 28x28 pixels"),
    ("idx_images", "IdxImages", "classify grey images from a folder of IDX files"),
    ("cifar10", "Cifar10", "classify 32x32 photographs of ten classes"),
    ("cifar100", "Cifar100", "classify 32x32 photographs of a hundred classes"),
    ("image_folder", "ImageFolder", "classify image files, a folder for each class"),
    ("hub_images", "HubImages", "classify images that the hub has"),
    ("data_efficiency", "ChosenImages", "classify after a given number of training images"),
)
METRICS = (
    ("top1_accuracy", "share of images whose class is the most probable", "fraction", True, ()),
    ("top5_accuracy", "share of images whose class is among the five most probable", "fraction", True, ()),
    ("nll_nats", "mean negative log-probability of the true class", "nats", False, ()),
    ("calibration_error", "mean gap between confidence and accuracy, 15 equal bins", "fraction", False, ()),
    ("few_shot_accuracy", "accuracy of a linear probe on new classes, over all shots", "fraction", True, ("shots",)),
    ("images_per_second", "images of a forward pass over its median time; a measured value", "1/s", True, ()),
)


@hookimpl
def harness_tasks() -> list[TaskSpec]:
    new, noise = "learn half of the classes, name the others after a few images", "train and answer on noise"
    classify = (Capability.CLASSIFIES, "classification", CLASSIFICATION)
    return [
        *(_task(name, summary, options, *classify) for name, options, summary in CLASSIFICATIONS),
        _task("few_shot", new, "FewShot", Capability.EXTRACTS_FEATURES, "few_shot", ("few_shot_accuracy",)),
        _task(
            "image_throughput", noise, "ImageThroughput", Capability.CLASSIFIES, "throughput", ("images_per_second",)
        ),
    ]


def _task(name: str, summary: str, options: str, needs: Capability, build: str, metrics: tuple[str, ...]) -> TaskSpec:
    return TaskSpec(
        name=name,
        summary=summary,
        source=VIT if name in ("data_efficiency", "few_shot") else None,
        config=Ref(f"{HERE}.options:{options}Options"),
        build=Ref(f"{HERE}.tasks:{build}"),
        needs=needs,
        metrics=metrics,
        shares=("harness_data",),
    )


@hookimpl
def harness_metrics() -> list[MetricSpec]:
    return [
        MetricSpec(
            name=name, summary=summary, compute=Ref(f"{HERE}.metrics:{name}"), unit=unit, higher_is_better=higher, by=by
        )
        for name, summary, unit, higher, by in METRICS
    ]


@hookimpl
def harness_suites() -> list[SuiteSpec]:
    summary = "ViT, convolutional networks, state space models and plain baselines on images"
    return [SuiteSpec(name="image_classification", summary=summary, package=HERE, file="image_classification.toml")]
