"""What this plugin declares: tasks that measure models along a line, their metrics and the suite."""

from harness.hookspecs import hookimpl
from harness.specs import Capability, MetricSpec, Ref, Scaling, SuiteSpec, TaskSpec
from harness_scaling.declarations import EXAMPLES, LARGEST_BATCH, LONGEST, NAMES, TOKENS, metrics

HERE = "harness_scaling"
# name, what is asked, options, capability, headline, along what
TASKS = (
    ("training_step", "a step of training on sequences", "Token", Capability.PREDICTS_TOKENS, TOKENS, "length"),
    ("prefill", "read a sequence that is given at once", "Token", Capability.PREDICTS_TOKENS, TOKENS, "length"),
    ("decode", "generate one more token", "Decode", Capability.STEPS_TOKENS, TOKENS, "context"),
    ("batch_scaling", "a step of training on sequences", "Batch", Capability.PREDICTS_TOKENS, TOKENS, "batch"),
    ("width_scaling", "a step of training on sequences", "Width", Capability.PREDICTS_TOKENS, TOKENS, "width"),
    ("state_scaling", "a step of training on sequences", "State", Capability.PREDICTS_TOKENS, TOKENS, "state"),
    ("decode_batch", "generate one more token of each", "DecodeBatch", Capability.STEPS_TOKENS, TOKENS, "batch"),
    ("op_scaling", "a call of an op alone, forward and backward", "Op", Capability.RUNS_ALONE, TOKENS, "length"),
    ("image_scaling", "a step of training on images", "Image", Capability.CLASSIFIES, EXAMPLES, "side"),
    ("video_scaling", "a step of training on clips", "Video", Capability.SAMPLES_VIDEO, EXAMPLES, "frames"),
    ("sampling", "draw images", "Sampling", Capability.SAMPLES_IMAGES, EXAMPLES, "steps"),
)
SCALING = {
    "length": Scaling(along="length", points="lengths", total="tokens"),
    "context": Scaling(along="context", points="contexts"),
    "batch": Scaling(along="batch", points="batches"),
    "width": Scaling(along="width", points="values"),
    "state": Scaling(along="state", points="values"),
    "side": Scaling(along="side", points="sides"),
    "frames": Scaling(along="frames", points="frames"),
    "steps": Scaling(along="steps", points="steps"),
}


@hookimpl
def harness_tasks() -> list[TaskSpec]:
    fits = "whose step of training fits a given memory"
    return [
        *(
            _task(name, f"{what}, measured along the {along}", options, needs, (headline, *NAMES), SCALING[along])
            for name, what, options, needs, headline, along in TASKS
        ),
        _task("memory_limit", f"the longest sequence {fits}", "MemoryLimit", Capability.PREDICTS_TOKENS, (LONGEST,)),
        _task("batch_limit", f"the largest batch {fits}", "BatchLimit", Capability.PREDICTS_TOKENS, (LARGEST_BATCH,)),
    ]


def _task(
    name: str, summary: str, options: str, needs: Capability, metrics: tuple[str, ...], scaling: Scaling | None = None
) -> TaskSpec:
    return TaskSpec(
        name=name,
        summary=summary,
        config=Ref(f"{HERE}.options:{options}Options"),
        build=Ref(f"{HERE}.tasks:{name}"),
        needs=needs,
        metrics=metrics,
        shares=("harness_data",),
        scaling=scaling,
    )


@hookimpl
def harness_metrics() -> list[MetricSpec]:
    return metrics()


@hookimpl
def harness_suites() -> list[SuiteSpec]:
    summary = "time, memory and generation speed against length, size, frames and steps"
    return [SuiteSpec(name="scaling", summary=summary, package=HERE, file="scaling.toml")]
