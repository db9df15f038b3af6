"""What this plugin declares: tasks of lm-eval by name, their metrics, and the suite."""

from harness.hookspecs import hookimpl
from harness.specs import MetricSpec, Ref, SuiteSpec, TaskFamily

HERE = "harness_language_modelling"
# lm-eval's name, what it is, unit, higher is better, arrays of the evidence
METRICS = (
    ("acc", "share of documents answered rightly", "fraction", True, ("acc",)),
    ("acc_norm", "the same, answers judged by probability a byte", "fraction", True, ("acc_norm",)),
    ("exact_match", "share of documents whose text is the right one", "fraction", True, ("exact_match",)),
    ("f1", "mean F1", "fraction", True, ("f1",)),
    ("perplexity", "exponential of the mean nats of a right continuation", "", False, ("perplexity",)),
    ("word_perplexity", "perplexity of a word", "", False, ("word_perplexity_sum", "word_perplexity_weight")),
    ("byte_perplexity", "perplexity of a byte", "", False, ("byte_perplexity_sum", "byte_perplexity_weight")),
    ("bits_per_byte", "mean code length of a byte", "bits", False, ("bits_per_byte_sum", "bits_per_byte_weight")),
    ("text_bits_per_byte", "of validation text, which chooses", "bits", False, ("text_nats", "text_bytes")),
    ("truncated_contexts", "contexts that lost their beginning", "contexts", False, ("truncated_contexts",)),
    *(
        (f"{name}_stderr", f"standard error of {name} over documents", "fraction", False, (name,))
        for name in ("acc", "acc_norm", "exact_match", "f1")
    ),
)

ADDED = ("text_bits_per_byte", "truncated_contexts")


@hookimpl
def harness_task_families() -> list[TaskFamily]:
    return [
        TaskFamily(
            name="lm_eval",
            summary="any task of lm-eval: lm_eval:NAME, lm_eval:FILE.yaml, lm_eval:FOLDER/NAME",
            requires=("lm_eval",),
            make=Ref(f"{HERE}.families:make"),
        )
    ]


@hookimpl
def harness_metrics() -> list[MetricSpec]:
    return [
        MetricSpec(
            name=f"lm_eval_{name}",
            summary=summary if name in ADDED else f"lm-eval's {name}: {summary}",
            compute=Ref(f"{HERE}.measures:{name}"),
            unit=unit,
            higher_is_better=higher,
            needs=needs,
        )
        for name, summary, unit, higher, needs in METRICS
    ]


@hookimpl
def harness_suites() -> list[SuiteSpec]:
    summary = "language models of bytes on real text, and on tasks of lm-eval"
    return [SuiteSpec(name="language_modelling", summary=summary, package=HERE, file="language_modelling.toml")]
