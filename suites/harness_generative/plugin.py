"""What this plugin declares: the generative tasks, their metrics and the suite."""

from harness.hookspecs import hookimpl
from harness.specs import Capability, MetricSpec, Ref, SuiteSpec, TaskSpec
from harness_generative.metric_declarations import BINARISATIONS, BY_EXTRACTOR, EXTRACTORS, FRECHETS, KERNELS, METRICS

HERE = "harness_generative"
CLIPS = ("prediction_mse", "frechet_pooled_frames")
HIDDEN = ("negative_cll_importance", "negative_cll_prior")


def _task(name: str, summary: str, options: str, needs: Capability, metrics: tuple[str, ...]) -> TaskSpec:
    return TaskSpec(
        name=name,
        summary=summary,
        config=Ref(f"{HERE}.{options}Options"),
        build=Ref(f"{HERE}.tasks:{name}"),
        needs=needs,
        metrics=metrics,
        shares=("harness_data",),
    )


def _likelihood(name: str) -> TaskSpec:
    how = BINARISATIONS[name]
    summary = f"bound the likelihood of binarised images ({how})"
    metrics = tuple(f"{bound}_{unit}_{how}" for unit in ("nats", "bits_per_dimension") for bound in ("elbo", "iwae"))
    return _task(name, summary, "options:Likelihood", Capability.BOUNDS_LIKELIHOOD, metrics)


def _samples(name: str, options: str, extra: tuple[str, ...]) -> TaskSpec:
    seen = EXTRACTORS[name]
    metrics = (*(f"{metric}_{seen}" for metric, *_ in BY_EXTRACTOR), "parzen_nats", *extra)
    return _task(name, f"draw images; {seen} judges them", options, Capability.SAMPLES_IMAGES, metrics)


@hookimpl
def harness_tasks() -> list[TaskSpec]:
    codes, hidden, moving = "encode and decode grey images", "fill in hidden quadrants", "draw clips, continue others"
    return [
        *map(_likelihood, BINARISATIONS),
        _task("reconstruction", codes, "options:GreyImages", Capability.RECONSTRUCTS, ("reconstruction_mse",)),
        _task("quadrants", hidden, "options:Completion", Capability.COMPLETES, HIDDEN),
        # The digits' 300 test images are fewer than the features of a large network.
        _samples("digit_samples", "options:DigitSamples", KERNELS),
        _samples("fashion_samples", "options:FashionSamples", (*KERNELS, *FRECHETS)),
        _task("clips", moving, "video_options:Video", Capability.SAMPLES_VIDEO, CLIPS),
    ]


@hookimpl
def harness_metrics() -> list[MetricSpec]:
    return list(METRICS)


@hookimpl
def harness_suites() -> list[SuiteSpec]:
    summary = "VAE, CVAE, GAN and diffusion models: bounds, samples, completions and clips"
    return [SuiteSpec(name="generative", summary=summary, package=HERE, file="generative.toml")]
