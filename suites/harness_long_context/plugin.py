"""What this plugin declares: the long-context tasks, the datasets behind them, their metrics and the suite."""

from harness.hookspecs import hookimpl
from harness.specs import Capability, DatasetSpec, MetricSpec, Ref, SuiteSpec, TaskSpec
from harness_long_context.sources import INFINI, LRA, MAMBA, ZOOLOGY

HERE = "harness_long_context"
GENERATED = "generated"
ONE_ANSWER = ("accuracy", "nats_per_target")
SEVERAL = ("token_accuracy", "exact_match", "nats_per_target")
TEXT = ("bits_per_byte", "token_accuracy")
# name, whose options, what is asked, source, metrics (the first is the headline), licence of the data
TASKS = (
    ("selective_copying", "SelectiveCopying", "repeat tokens that lie among noise", MAMBA, SEVERAL, GENERATED),
    ("induction_heads", "InductionHeads", "recall what followed a token", MAMBA, ONE_ANSWER, GENERATED),
    ("mqar", "Mqar", "recall the values of several keys", ZOOLOGY, SEVERAL, GENERATED),
    ("passkey", "Passkey", "recall a number hidden in filler", INFINI, SEVERAL, GENERATED),
    ("listops", "Listops", "evaluate a nested expression", LRA, ONE_ANSWER, GENERATED),
    ("pathfinder", "Pathfinder", "are two points on one contour?", LRA, ONE_ANSWER, GENERATED),
    ("pixels", "Pixels", "classify an image read pixel by pixel", LRA, ONE_ANSWER, "that of the images"),
    ("text_lm", "TextLm", "predict every next byte", None, TEXT, "PSF-2.0, or that of the files"),
    ("text_classification", "TextClassification", "classify a text by its bytes", LRA, ONE_ANSWER, "that of the texts"),
)
METRICS = (
    ("token_accuracy", "share of scored tokens that are right", "fraction", True, ("position",)),
    ("exact_match", "share of examples all of whose scored tokens are right", "fraction", True, ("position",)),
    ("accuracy", "share of examples whose one answer is right", "fraction", True, ("position",)),
    ("nats_per_target", "mean cross-entropy of a scored token", "nats", False, ()),
    ("bits_per_byte", "mean code length of a byte, also by context length", "bits", False, ("context",)),
)


@hookimpl
def harness_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            name=name,
            summary=f"data of the task {name}: {summary}",
            source=source,
            config=Ref(f"{HERE}.{name}:{options}Config"),
            build=Ref(f"{HERE}.{name}:build"),
            licence=licence,
            shares=("harness_data",),
            fingerprint=None if licence == GENERATED else Ref(f"{HERE}.{name}:fingerprint"),
        )
        for name, options, summary, source, _, licence in TASKS
    ]


@hookimpl
def harness_tasks() -> list[TaskSpec]:
    return [
        TaskSpec(
            name=name,
            summary=summary,
            source=source,
            config=Ref(f"{HERE}.{name}:{options}Config"),
            build=Ref(f"{HERE}.tasks:{name}"),
            needs=Capability.PREDICTS_TOKENS,
            metrics=metrics,
            shares=("harness_data",),
        )
        for name, options, summary, source, metrics, _ in TASKS
    ]


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
    summary = "sequence architectures on recall, selection, reasoning, pictures and real text"
    return [SuiteSpec(name="long_context", summary=summary, package=HERE, file="long_context.toml")]
