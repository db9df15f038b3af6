"""Declares the variational autoencoder, its convolutional and importance-weighted forms, and two baselines."""

from __future__ import annotations

from harness.hookspecs import hookimpl
from harness.specs import Capability, ModelSpec, Ref, Source

VAE = Source(
    title="Auto-Encoding Variational Bayes",
    authors="Diederik P. Kingma, Max Welling",
    year=2013,
    arxiv="1312.6114",
    venue="ICLR 2014",
)
IWAE = Source(
    title="Importance Weighted Autoencoders",
    authors="Yuri Burda, Roger Grosse, Ruslan Salakhutdinov",
    year=2015,
    arxiv="1509.00519",
    venue="ICLR 2016",
)
WAKE_SLEEP = Source(
    title='The "wake-sleep" algorithm for unsupervised neural networks',
    authors="Geoffrey E. Hinton, Peter Dayan, Brendan J. Frey, Radford M. Neal",
    year=1995,
    venue="Science 268",
)
LATENT_VARIABLES = frozenset({Capability.BOUNDS_LIKELIHOOD, Capability.SAMPLES_IMAGES, Capability.RECONSTRUCTS})


def _model(
    name: str,
    summary: str,
    config: str,
    source: Source | None,
    *,
    capabilities: frozenset[Capability] = LATENT_VARIABLES,
    sized_by: str = "d_hidden",
) -> ModelSpec:
    return ModelSpec(
        name=name,
        summary=summary,
        source=source,
        config=Ref(f"harness_vae.config:{config}"),
        build=Ref(f"harness_vae.builders:build_{name}"),
        capabilities=capabilities,
        sized_by=sized_by,
    )


@hookimpl
def harness_models() -> list[ModelSpec]:
    reconstructs = frozenset({Capability.RECONSTRUCTS})
    return [
        _model("vae", "one hidden tanh layer each way, 20 Gaussian latents", "VAEConfig", VAE),
        _model("conv_vae", "convolutions with stride each way", "ConvVAEConfig", VAE, sized_by="channels"),
        _model("iwae", "two hidden tanh layers, trained on the bound of 5 samples", "IWAEConfig", IWAE),
        _model("wake_sleep", "the networks of vae, trained by wake-sleep", "WakeSleepConfig", WAKE_SLEEP),
        _model("autoencoder", "the layers of vae without noise", "AutoencoderConfig", None, capabilities=reconstructs),
    ]
