"""What this plugin declares: the generative tasks, their metrics and the suite."""

from harness.hookspecs import hookimpl
from harness.specs import Capability, MetricSpec, Ref, SuiteSpec, TaskSpec
from harness_generative.metric_declarations import BINARISATIONS, BY_EXTRACTOR, EXTRACTORS, METRICS

HERE = "harness_generative"
CLIPS = ("prediction_mse", "frechet_pooled_frames")
HIDDEN = ("negative_cll_importance", "negative_cll_prior")


def _task(name: str, summary: str, options: str, needs: Capability, metrics: tuple[str, ...]) -> TaskSpec:
    return TaskSpec(
        name=name,
        summary=summary,
        config=Ref(f"{HERE}.options:{options}Options"),
        build=Ref(f"{HERE}.tasks:{name}"),
        needs=needs,
        metrics=metrics,
        shares=("harness_data",),
    )


def _likelihood(name: str) -> TaskSpec:
    how = BINARISATIONS[name]
    summary = f"bound the likelihood of binarised images ({how})"
    metrics = (f"elbo_nats_{how}", f"iwae_nats_{how}")
    return _task(name, summary, "Likelihood", Capability.BOUNDS_LIKELIHOOD, metrics)


def _samples(name: str, options: str) -> TaskSpec:
    seen = EXTRACTORS[name]
    metrics = (*(f"{metric}_{seen}" for metric, *_ in BY_EXTRACTOR), "parzen_nats")
    return _task(name, f"draw images; {seen} judges them", options, Capability.SAMPLES_IMAGES, metrics)


@hookimpl
def harness_tasks() -> list[TaskSpec]:
    codes, hidden, moving = "encode and decode grey images", "fill in hidden quadrants", "draw clips, continue others"
    return [
        *map(_likelihood, BINARISATIONS),
        _task("reconstruction", codes, "GreyImages", Capability.RECONSTRUCTS, ("reconstruction_mse",)),
        _task("quadrants", hidden, "Completion", Capability.COMPLETES, HIDDEN),
        _samples("digit_samples", "DigitSamples"),
        _samples("fashion_samples", "FashionSamples"),
        _task("clips", moving, "Video", Capability.SAMPLES_VIDEO, CLIPS),
    ]


@hookimpl
def harness_metrics() -> list[MetricSpec]:
    return list(METRICS)


@hookimpl
def harness_suites() -> list[SuiteSpec]:
    summary = "VAE, CVAE, GAN and diffusion models: bounds, samples, completions and clips"
    return [SuiteSpec(name="generative", summary=summary, package=HERE, file="generative.toml")]
