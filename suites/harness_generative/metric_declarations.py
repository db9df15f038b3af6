"""The metrics that this plugin declares. A name pins the protocol: the binarisation, or the extractor."""

from harness.specs import MetricSpec, Ref

BINARISATIONS = {"binary_likelihood": "resampled_binary", "fixed_binary_likelihood": "fixed_binary"}
EXTRACTORS = {"digit_samples": "digits_cnn_v1", "fashion_samples": "fashion_cnn_v1"}
# Metrics of samples by the extractor that they are measured with: name, meaning, unit, direction.
BY_EXTRACTOR = (
    ("frechet", "Fréchet distance of the features to those of real images", "", False),
    ("kernel", "squared kernel distance (KID) of the features to those of real images", "", False),
    ("precision", "share of samples inside the real images' neighbourhoods", "fraction", True),
    ("recall", "share of real images inside the samples' neighbourhoods", "fraction", True),
    ("density", "real neighbourhoods that a sample lies in, over their number", "", True),
    ("coverage", "share of real neighbourhoods that hold a sample", "fraction", True),
    ("inception_score", "exp of the mean divergence of a sample's classes from those of all", "", True),
    ("class_entropy", "entropy of how often each class is the most probable one", "nats", True),
)
PARZEN = "log-likelihood of test images under a Parzen window around the samples"
POOLED_FRAMES = "Fréchet distance of 8x8 means of frames and their changes"
# Metrics of samples by the networks that only options bring in. Those of features need more images than features.
KERNELS = ("kernel_efficientnet_lite0", "kid", "inception_score")
FRECHETS = ("frechet_efficientnet_lite0", "fid")


def _metric(
    name: str,
    summary: str,
    unit: str,
    higher: bool,
    function: str = "",
    by: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
) -> MetricSpec:
    return MetricSpec(
        name=name,
        summary=summary,
        compute=Ref(f"harness_generative.metrics:{function or name}"),
        unit=unit,
        higher_is_better=higher,
        by=by,
        needs=needs,
    )


def _by_extra(name: str, summary: str, extractor: str, unit: str = "", *, higher: bool = False) -> MetricSpec:
    return MetricSpec(
        name=name,
        summary=summary,
        compute=Ref(f"harness_generative.extra_metrics:{name}"),
        unit=unit,
        higher_is_better=higher,
        needs=tuple(f"{array}_{extractor}" for array in ("features", "probabilities", "real_features")),
    )


def _bounds(how: str) -> list[MetricSpec]:
    bound = "mean importance-weighted bound of an image, by the number of samples"
    bits, weighted = (
        "negative evidence lower bound over the number of pixels",
        "the same of the importance-weighted bound",
    )
    elbo_bits, bound_bits = "elbo_bits_per_dimension", "bound_bits_per_dimension"
    return [
        _metric(f"elbo_nats_{how}", "mean evidence lower bound of an image", "nats", True, "elbo_nats"),
        _metric(f"iwae_nats_{how}", bound, "nats", True, "bound_nats", ("k",)),
        _metric(f"{elbo_bits}_{how}", bits, "bits", False, elbo_bits),
        _metric(f"iwae_bits_per_dimension_{how}", weighted, "bits", False, bound_bits, ("k",)),
    ]


METRICS = (
    *(metric for how in BINARISATIONS.values() for metric in _bounds(how)),
    *(
        _metric(f"{name}_{seen}", summary, unit, higher, name)
        for seen in EXTRACTORS.values()
        for name, summary, unit, higher in BY_EXTRACTOR
    ),
    _by_extra("frechet_efficientnet_lite0", "Fréchet distance of EfficientNet-Lite0's features", "efficientnet_lite0"),
    _by_extra("kernel_efficientnet_lite0", "squared kernel distance of the same", "efficientnet_lite0"),
    _by_extra("fid", "Fréchet inception distance", "inception"),
    _by_extra("kid", "kernel inception distance, over all pairs", "inception"),
    _by_extra("inception_score", "inception score, over all samples", "inception", higher=True),
    _metric("frechet_pooled_frames", POOLED_FRAMES, "", False, "frechet"),
    _metric("reconstruction_mse", "mean squared error of a reconstructed pixel", "", False),
    _metric("prediction_mse", "mean squared error of a predicted pixel", "", False, by=("frame",), needs=("squared",)),
    _metric("negative_cll_importance", "negative log-likelihood of hidden pixels, importance sampling", "nats", False),
    _metric("negative_cll_prior", "the same by Monte Carlo over the conditional prior", "nats", False),
    _metric("parzen_nats", PARZEN, "nats", True, needs=("samples", "validation_images", "test_images")),
)
