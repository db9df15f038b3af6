"""Beside the likelihood and completion tasks: importance-weighted autoencoders, and completed quadrants of MNIST."""

from __future__ import annotations

from harness_published.beside import Beside

PIXELS = {
    "digits": "The digits here have 64 pixels, MNIST's 784, and nats are sums over pixels: the sizes do not compare",
    "fashion_mnist": "Clothes here, digits there, both of 784 pixels: clothes have far more grey in them",
}
SIGN = "What is printed is the negative of our metric, so that 87 there would be -87 here"
BOUND = (
    "5,000 importance samples there; here one for the ELBO and at most the board's samples for the other bounds, "
    "which are looser for it. Architectures and schedules are the papers' there, the board's here"
)


def _resampled(source: str) -> Beside:
    return Beside(
        task="binary_likelihood",
        metrics=("elbo_nats_resampled_binary", "iwae_nats_resampled_binary"),
        options={"source": source},
        printed_task="density estimation",
        printed_metric="nll_nats_k5000",
        datasets=("MNIST (stochastic binarisation)",),
        quantity="negative log-likelihood",
        unit="nats",
        differs=f"{PIXELS[source]}. {SIGN}. {BOUND}.",
    )


def _fixed(source: str) -> Beside:
    return Beside(
        task="fixed_binary_likelihood",
        metrics=("elbo_nats_fixed_binary", "iwae_nats_fixed_binary"),
        options={"source": source},
        printed_task="density estimation",
        printed_metric="nll_penalty_nats",
        quantity="loss against resampled binarisation",
        unit="nats",
        differs=(
            f"{PIXELS[source]}. The number is no likelihood: it says how much worse MNIST binarised once comes out "
            "than MNIST binarised anew each time."
        ),
    )


def _quadrants(observed: int, source: str, metric: str, estimate: str) -> Beside:
    hidden = (4 - observed) * (16 if source == "digits" else 196)
    return Beside(
        task="quadrants",
        metrics=(metric,),
        options={"num_observed": observed, "source": source},
        printed_task=f"image completion, {observed} quadrant{'' if observed == 1 else 's'} given",
        printed_metric="negative_cll_nats",
        datasets=("MNIST (test)", "MNIST (test used as validation)"),
        quantity="negative conditional log-likelihood",
        unit="nats",
        differs=(
            f"{hidden} hidden pixels here, {(4 - observed) * 196} of MNIST there, and nats are sums over them. "
            f"{estimate}. The numbers of the tutorial were stopped by the test images, ours never see them."
        ),
    )


ESTIMATES = {
    "negative_cll_importance": "Here the recognition network proposes and is weighed; the tutorial's bound is not",
    "negative_cll_prior": "Here the conditional prior proposes, as in the paper; the tutorial's bound asks the "
    "recognition network, which has seen the hidden pixels",
}

BESIDE = (
    *map(_resampled, PIXELS),
    *map(_fixed, PIXELS),
    *(
        _quadrants(observed, source, metric, estimate)
        for metric, estimate in ESTIMATES.items()
        for source in PIXELS
        for observed in (1, 2, 3)
    ),
)
